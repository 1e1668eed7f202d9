import * as fc from 'fast-check';
import fixture from './fixtures/scipy-correlations.json' with { type: 'json' };
import { describe, expect, test } from 'vitest';
import { kendallTau, pearson, ranks, spearman, standardised } from '../../nas/evaluation/correlation.ts';
import { plainPearson, plainSpearman, plainTau } from '../support/plain-statistics.ts';

const expectSame = (ours: number, theirs: number | null): void => {
  if (theirs === null) expect(ours).toBeNaN();
  else expect(Math.abs(ours - theirs)).toBeLessThan(1e-12);
};

describe('correlations', () => {
  test.each(fixture.cases)('of $title are those of scipy to 1e-12', ({ a, b, ...scipy }) => {
    expectSame(kendallTau(a, b), scipy.kendallTau);
    expectSame(spearman(a, b), scipy.spearman);
    expectSame(pearson(a, b), scipy.pearson);
  });

  test('are what their definitions give to 1e-9, however many ties there are', () => {
    const lists = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })), { maxLength: 60 });
    const pairsOfFunctions = [
      [kendallTau, plainTau],
      [spearman, plainSpearman],
      [pearson, plainPearson],
    ] as const;
    fc.assert(
      fc.property(lists, (pairs) => {
        const [a, b] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)];
        for (const [fast, plain] of pairsOfFunctions) {
          const expected = plain(a, b);
          if (Number.isFinite(expected)) expect(Math.abs(fast(a, b) - expected)).toBeLessThan(1e-9);
          else expect(fast(a, b)).toBeNaN();
        }
      }),
    );
  });

  test('change sign with the order and stay within -1..1', () => {
    const lists = fc.array(
      fc.tuple(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), fc.double({ noNaN: true, min: -1e6, max: 1e6 })),
    );
    fc.assert(
      fc.property(lists, (pairs) => {
        const [a, b] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)];
        for (const statistic of [kendallTau, spearman, pearson]) {
          const value = statistic(a, b);
          if (Number.isNaN(value)) continue;
          expect(Math.abs(value)).toBeLessThanOrEqual(1);
          expect(
            statistic(
              a,
              b.map((y) => -y),
            ),
          ).toBeCloseTo(-value, 9);
        }
      }),
    );
  });

  test('are NaN where a list is constant or too short', () => {
    for (const statistic of [kendallTau, spearman, pearson]) {
      expect(statistic([0.1, 0.1, 0.1], [1, 2, 3])).toBeNaN();
      expect(statistic([1, 2, 3], [5, 5, 5])).toBeNaN();
      expect(statistic([1], [2])).toBeNaN();
      expect(statistic([], [])).toBeNaN();
    }
  });

  test('refuse lists of different lengths and NaN', () => {
    for (const statistic of [kendallTau, spearman, pearson]) {
      expect(() => statistic([1, 2], [1])).toThrow('expected two lists of one length, got 2 and 1');
      expect(() => statistic([1, 2], [1, NaN])).toThrow('expected numbers, got NaN at position 1');
    }
  });

  test('of 4,000 look at each value some forty times, not at each of their eight million pairs', () => {
    let looks = 0;
    const counting = (values: number[]): number[] =>
      new Proxy(values, {
        get: (target, key) => {
          looks++;
          return Reflect.get(target, key) as unknown;
        },
      });
    const values = Array.from({ length: 4000 }, (_, index) => (index * 7919) % 4000);
    const order = [...values.keys()];
    expect(kendallTau(counting(values), counting(order))).toBe(kendallTau(values, order));
    expect(looks).toBeLessThan(80 * values.length);
  });
});

describe('ranks and standard values', () => {
  test('share ranks between ties', () => {
    expect([...ranks([3, 1, 3, 2, 3])]).toEqual([4, 1, 4, 2, 4]);
  });

  test('have mean 0 and deviation 1; constants become 0', () => {
    expect([...standardised([1, 3])]).toEqual([-1, 1]);
    expect([...standardised([2, 2])]).toEqual([0, 0]);
  });
});
