import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { bestFirst, choiceOf, chosenByRule, plainSelect } from '../../plan/choice.ts';
import type { Choice } from '../../plan/choice.ts';

const tau = fc.option(fc.constantFrom(-1, -0.5, -0.1, 0, 0.3, 0.9), { nil: null });
const choices = fc
  .array(tau, { maxLength: 8 })
  .map((taus) => taus.map((one, epoch): Choice => ({ epoch, tau: one, interval: null })));

test('the rule takes the largest tau, of equal ones the latest or the first, and one without a tau only where none has one', () => {
  fc.assert(
    fc.property(choices, fc.constantFrom('max', 'latest-of-the-best'), (given, rule) => {
      // Epoch by epoch: another takes the place of the best so far where it is better, or as good and later where that counts.
      let best: Choice | null = null;
      for (const one of given) {
        const isBetter = best === null || (one.tau !== null && (best.tau === null || one.tau > best.tau));
        if (isBetter || (rule === 'latest-of-the-best' && one.tau === best!.tau)) best = one;
      }
      const chosen = chosenByRule(rule, given);
      expect(chosen?.epoch).toBe(best?.epoch);
      const why = rule === 'max' ? 'the first epoch with the largest tau' : 'the latest epoch with the largest tau';
      if (chosen !== null) expect(chosen).toMatchObject({ by: 'rule', who: rule, why });
    }),
    { numRuns: 500 },
  );
});

test('all are listed from the best to the worst, those without a tau last', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([-0.9, -0.2, 0, 0.5], { minLength: 4 }), (taus) => {
      const given = [null, ...taus].map((one, epoch) => ({ epoch, tau: one, interval: null }));
      expect(bestFirst('max', given).map((one) => one.tau)).toEqual([0.5, 0, -0.2, -0.9, null]);
    }),
  );
});

test('of epochs that are equally good the one that the rule takes comes first, and so on', () => {
  const given = [0.2, 0.5, 0.5, 0.2].map((one, epoch) => ({ epoch, tau: one, interval: null }));
  expect(bestFirst('max', given).map(({ epoch }) => epoch)).toEqual([1, 2, 0, 3]);
  expect(bestFirst('latest-of-the-best', given).map(({ epoch }) => epoch)).toEqual([2, 1, 3, 0]);
  // In whatever order they are listed.
  expect(bestFirst('max', given.toReversed()).map(({ epoch }) => epoch)).toEqual([1, 2, 0, 3]);
});

test('a stage that says nothing takes the latest of the best at once, and choices of release 0.1.0 are understood', () => {
  expect(plainSelect).toEqual({ by: 'kendall_tau', rule: 'latest-of-the-best', wait: 'none', timeoutMs: null });
  const choice = { epoch: 3, tau: 0.4, interval: [0.1, 0.6] as const };
  expect(choiceOf(choice)).toEqual(choice);
  expect(choiceOf({ key: 3, score: 0.4, interval: [0.1, 0.6] })).toEqual(choice);
});
