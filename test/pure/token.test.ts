import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareTokens, sameToken } from '../../artifacts/token.ts';
import type { Token } from '../../artifacts/token.ts';

// Attempts at one stage in the order in which they are made: runs one after the other, their rounds, tries within them.

const started = fc.record({
  rounds: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
  /** What an operator does to a round: its tries are counted from 1 again. */
  isReset: fc.boolean(),
  runId: fc.uuid(),
});

/** Times go on from attempt to attempt. */
const history = fc.array(started, { minLength: 1, maxLength: 3 }).map((runs) => {
  let now = 1_700_000_000_000;
  return runs.flatMap(({ rounds, isReset, runId }) => {
    const runStarted = (now += 10);
    return rounds.flatMap((tries, round) =>
      Array.from({ length: tries }, (_, attempt): Token => {
        const counted = isReset ? 1 : attempt + 1;
        return {
          workflowId: 'w',
          runId,
          stage: 's',
          round: round + 1,
          attempt: counted,
          runStarted,
          scheduled: (now += 10),
        };
      }),
    );
  });
});

test('of any two attempts the one that was made later may write', () => {
  fc.assert(
    fc.property(history, (tokens) => {
      fc.pre(
        new Set(tokens.map(({ runId, runStarted }) => `${runId}${runStarted}`)).size ===
          new Set(tokens.map(({ runId }) => runId)).size,
      );
      for (const [i, a] of tokens.entries()) {
        for (const [j, b] of tokens.entries()) {
          expect(Math.sign(compareTokens(a, b))).toBe(Math.sign(i - j));
          expect(sameToken(a, b)).toBe(i === j);
        }
      }
    }),
  );
});

const old = (round: number, attempt: number): Token => ({ workflowId: 'w', runId: 'r', stage: 's', round, attempt });

test('tokens of release 0.1.0, which have no times, go by round and try, and another stage is never the same', () => {
  expect(compareTokens(old(1, 3), old(2, 1))).toBeLessThan(0);
  expect(compareTokens(old(2, 2), old(2, 1))).toBeGreaterThan(0);
  expect(sameToken(old(1, 1), { ...old(1, 1), stage: 't' })).toBe(false);
  expect(sameToken(old(1, 1), { ...old(1, 1), workflowId: 'v' })).toBe(false);
  // A run whose start is known comes after one of before there were times.
  expect(compareTokens(old(9, 9), { ...old(1, 1), runId: 'a', runStarted: 5 })).toBeLessThan(0);
});
