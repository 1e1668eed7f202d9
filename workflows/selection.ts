import type { ChosenEpoch } from '../activities/contract.ts';
import type { Select } from '../pipelines/plan.ts';
import type { Choice, SelectEpoch } from './messages.ts';

/** Below every tau. */
const NO_TAU = -2;

/** What a stage that has epochs but no `select` goes by. */
export const plainSelect: Select = { by: 'kendall_tau', rule: 'latest-of-the-best', wait: 'none', timeoutMs: null };

/**
 * The epoch a rule chooses among at least one: of those with the largest tau the latest (`latest-of-the-best`, as the
 * original's authors did by hand) or the earliest (`max`). An epoch without tau loses against every other.
 */
export function chooseByRule(rule: Select['rule'], choices: readonly Choice[]): Choice {
  const order = choices.toSorted((a, b) => {
    const byScore = (b.score ?? NO_TAU) - (a.score ?? NO_TAU);
    return byScore || (rule === 'max' ? a.key - b.key : b.key - a.key);
  });
  const [best] = order;
  if (best === undefined) throw new Error(`rule ${rule}: expected an epoch to choose from, got none`);
  return best;
}

export function chosenByRule(rule: Select['rule'], choices: readonly Choice[]): ChosenEpoch {
  const why = rule === 'max' ? 'the first epoch with the largest tau' : 'the latest epoch with the largest tau';
  return { epoch: chooseByRule(rule, choices).key, by: 'rule', who: rule, why };
}

export function chosenByPerson(message: SelectEpoch): ChosenEpoch {
  return { epoch: message.epoch, by: 'person', who: message.who ?? 'a person', why: message.why ?? '' };
}
