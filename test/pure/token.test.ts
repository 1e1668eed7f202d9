import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareTokens, describeToken, sameToken, Token } from '../../artifacts/token.ts';

// Attempts at one stage in the order in which they are made: runs one after the other, their rounds, tries within them.

const started = fc.record({
  rounds: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
  /** What an operator does to a round: its tries are counted from 1 again. */
  isReset: fc.boolean(),
  /** What a server does that was killed: the last try begins before the time that it was scheduled for. */
  isEarly: fc.boolean(),
  runId: fc.uuid(),
});

/** Times go on from attempt to attempt. */
const history = fc.array(started, { minLength: 1, maxLength: 3 }).map((runs) => {
  let now = 1_700_000_000_000;
  return runs.flatMap(({ rounds, isReset, isEarly, runId }) => {
    const runStarted = (now += 10);
    return rounds.flatMap((tries, round) => {
      const ofRound = { workflowId: 'w', runId, stage: 's', round: round + 1, runStarted };
      const ordered = (now += 10);
      const made = Array.from({ length: tries }, (_, attempt): Token => {
        const scheduled = (now += 10) + (isEarly && attempt === tries - 1 ? 15 : 0);
        return { ...ofRound, attempt: isReset ? 1 : attempt + 1, ordered, scheduled };
      });
      const choice = (now += 10);
      return [...made, { ...ofRound, attempt: 1, ordered: choice, scheduled: choice }];
    });
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

test('two runs that began in the same moment are in one order, whichever is asked for first', () => {
  const [a, b] = ['a', 'b'].map((runId): Token => ({ ...old(1, 1), runId, runStarted: 5 }));
  expect(Math.sign(compareTokens(a!, b!))).toBe(-1);
  expect(Math.sign(compareTokens(b!, a!))).toBe(1);
});

test('a token is read as it was written, told in words, and refused where something is missing or too small', () => {
  const whole = {
    ...old(2, 3),
    workflowId: 'quick',
    runId: 'a1b2c3d4e5',
    stage: 'one-shot',
    runStarted: 5,
    scheduled: 0,
  };
  expect(Token.parse(whole)).toEqual(whole);
  expect(describeToken(whole)).toBe('run quick (a1b2c3d4), stage one-shot, round 2, attempt 3');
  for (const wrong of [
    { round: 0 },
    { attempt: 0 },
    { stage: '' },
    { workflowId: '' },
    { runId: '' },
    { scheduled: -1 },
    { x: 1 },
  ]) {
    expect(Token.safeParse({ ...whole, ...wrong }).success, JSON.stringify(wrong)).toBe(false);
  }
});
