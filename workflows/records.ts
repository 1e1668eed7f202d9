import { parseActivityId } from '../plan/messages.ts';
import type { Choice, SelectEpoch, StageState } from '../plan/messages.ts';
import type { Plan, PlanStage, Select } from '../plan/plan.ts';
import type { ChosenEpoch, StageResult } from '../plan/results.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/** Where one piece of work stands: a stage, or one cell of a matrix stage. Plain data, so that it continues as new. */
export interface Work {
  readonly id: string;
  state: 'waiting' | 'running' | 'paused' | 'parked' | 'selecting' | 'done' | 'skipped' | 'failed';
  rounds: number;
  attempts: number;
  /** What its activity gave; kept while an epoch is chosen. */
  result: StageResult | null;
  chosen: ChosenEpoch | null;
  /** When waiting for a person ends, ms since the epoch; null = never, or not waiting. */
  chooseUntil: number | null;
  outputs: JsonObject | null;
  error: string | null;
  /** Values that `retryStage` put into `with`, by dotted key. */
  set: Record<string, Json>;
}

export interface StageRecord {
  readonly id: string;
  readonly works: Work[];
}

/** All that a run knows of itself beside its plan. */
export interface Records {
  readonly stages: StageRecord[];
  paused: boolean;
  notices: string[];
}

export function emptyRecords(plan: Plan): Records {
  const stages = plan.stages.map((stage) => ({
    id: stage.id,
    works:
      stage.matrix === null ? [emptyWork(stage.id)] : stage.matrix.map((_, at) => emptyWork(`${stage.id}.${at + 1}`)),
  }));
  return { stages, paused: false, notices: [] };
}

function emptyWork(id: string): Work {
  const nothing = { result: null, chosen: null, chooseUntil: null, outputs: null, error: null };
  return { id, state: 'waiting', rounds: 0, attempts: 0, ...nothing, set: {} };
}

export function isOver(work: Work): boolean {
  return work.state === 'done' || work.state === 'skipped' || work.state === 'failed';
}

/** The state of a stage: what its cells have in common, or what most needs to be seen. */
export function stateOf(record: StageRecord): StageState {
  const has = (state: Work['state']): boolean => record.works.some((work) => work.state === state);
  if (record.works.every(isOver)) {
    if (has('failed')) return 'failed';
    if (!has('done')) return 'skipped';
    return record.works.every((work) => work.result?.reused != null) ? 'reused' : 'done';
  }
  const order = ['running', 'paused', 'parked', 'selecting'] as const;
  return order.find(has) ?? (record.works.some((work) => work.rounds > 0) ? 'running' : 'waiting');
}

/** What `${{ stages.<id>… }}` sees: null for a stage that gave nothing, lists for a matrix stage. */
export function outputsOf(stage: PlanStage, record: StageRecord): JsonObject | null {
  const [only] = record.works;
  if (stage.matrix === null) return only?.outputs ?? null;
  if (record.works.every((work) => work.outputs === null)) return null;
  const names = new Set(record.works.flatMap((work) => Object.keys(work.outputs ?? {})));
  return Object.fromEntries([...names].map((name) => [name, record.works.map((work) => work.outputs?.[name] ?? null)]));
}

/** The works that a message means: all of a stage, or the one cell it names. */
export function worksNamed(records: Records, name: string): Work[] {
  const { stage, cell } = parseActivityId(name);
  const record = records.stages.find(({ id }) => id === stage);
  return record?.works.filter((work) => cell === null || work.id === name) ?? [];
}

/** The epoch that was chosen, with its tau. */
export function chosenOf(work: Work): Choice | null {
  return work.result?.choices?.find(({ key }) => key === work.chosen?.epoch) ?? null;
}

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
