import type { Select } from './plan.ts';

/** The epochs of a trained stage that it can pass on, and which of them it does: by rule, or by a person. */

/** One epoch to choose from. */
export interface Choice {
  readonly epoch: number;
  /** Null where all ground-truth subnets tie. */
  readonly tau: number | null;
  /** 95 % bootstrap interval of `tau`. */
  readonly interval: readonly [low: number, high: number] | null;
}

/** Who chose which epoch, and why. */
export interface ChosenEpoch {
  readonly epoch: number;
  readonly by: 'rule' | 'person';
  readonly who: string;
  readonly why: string;
}

/** How a stage chooses that has epochs but no `select`. */
export const plainSelect: Select = { by: 'kendall_tau', rule: 'latest-of-the-best', wait: 'none', timeoutMs: null };

/** Below every tau. */
const NO_TAU = -2;

/** The best first: those of equal tau in the order in which the rule takes them. */
export function bestFirst(rule: Select['rule'], choices: readonly Choice[]): readonly Choice[] {
  return choices.toSorted(
    (a, b) => (b.tau ?? NO_TAU) - (a.tau ?? NO_TAU) || (rule === 'max' ? a.epoch - b.epoch : b.epoch - a.epoch),
  );
}

/**
 * The epoch that a rule chooses: of those with the largest tau the latest (`latest-of-the-best`, as the original's authors
 * did by hand) or the earliest (`max`). Null where there are none.
 */
export function chosenByRule(rule: Select['rule'], choices: readonly Choice[]): ChosenEpoch | null {
  const [best] = bestFirst(rule, choices);
  if (best === undefined) return null;
  const why = rule === 'max' ? 'the first epoch with the largest tau' : 'the latest epoch with the largest tau';
  return { epoch: best.epoch, by: 'rule', who: rule, why };
}

/** What histories of release 0.1.0 say for a choice. */
interface OldChoice {
  readonly key: number;
  readonly score: number | null;
  readonly interval: Choice['interval'];
}

/** A choice as it was recorded, by this release or by 0.1.0. */
export function choiceOf(recorded: Choice | OldChoice): Choice {
  if (!('key' in recorded)) return recorded;
  const { key, score, interval } = recorded;
  return { epoch: key, tau: score, interval };
}
