import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bestFirst, paretoFront, under } from '../../nas/evaluation/pareto.ts';
import type { Candidate } from '../../nas/evaluation/pareto.ts';

// Few values, so that ties of every sort come up.
const small = fc.integer({ min: 0, max: 6 });
const candidate = fc.record({
  id: fc.string(),
  code: fc.constant('1'),
  depth: small,
  parameters: small,
  macs: small,
  score: fc.oneof({ weight: 9, arbitrary: small }, { weight: 1, arbitrary: fc.constant(NaN) }),
});
const candidates = fc.array(candidate, { maxLength: 40 });

describe('the Pareto front', () => {
  test.each(['macs', 'parameters'] as const)('by %s is what comparing every two gives', (cost) => {
    const beats = (a: Candidate, b: Candidate): boolean =>
      a[cost] <= b[cost] && a.score >= b.score && (a[cost] < b[cost] || a.score > b.score);
    fc.assert(
      fc.property(candidates, (all) => {
        const scored = all.filter(({ score }) => !Number.isNaN(score));
        const plain = scored.filter((one) => !scored.some((other) => beats(other, one)));
        const front = paretoFront(all, cost);
        expect(new Set(front)).toEqual(new Set(plain));
        expect(front.length).toBe(plain.length);
        for (const [index, one] of front.slice(1).entries()) {
          expect(one[cost]).toBeGreaterThanOrEqual(front[index]![cost]);
          expect(one.score).toBeGreaterThanOrEqual(front[index]!.score);
        }
      }),
    );
  });
});

function of(id: string, score: number, macs: number, parameters = 1): Candidate {
  return { id, code: '1', depth: 1, parameters, macs, score };
}

test('the best come first, of equals the cheaper, and last those without a score', () => {
  const list = [of('a', NaN, 1), of('b', 70, 3), of('c', 70, 2, 5), of('d', 70, 2, 4), of('e', 71, 9), of('f', -1, 1)];
  expect(bestFirst(list).map(({ id }) => id)).toEqual(['e', 'd', 'c', 'b', 'f', 'a']);
});

test('limits leave out what costs more in any of them', () => {
  fc.assert(
    fc.property(
      candidates,
      fc.option(small, { nil: undefined }),
      fc.option(small, { nil: undefined }),
      (all, macs, parameters) => {
        const left = under(all, { macs, parameters });
        const fits = (one: Candidate): boolean =>
          (macs === undefined || one.macs <= macs) && (parameters === undefined || one.parameters <= parameters);
        expect(left).toEqual(all.filter(fits));
      },
    ),
  );
});
