import type { ChosenEpoch, StageResult } from '../activities/contract.ts';
import type { Json, JsonObject, Plan, PlanStage } from '../pipelines/plan.ts';
import { parseActivityId } from './messages.ts';
import type { Choice, StageState } from './messages.ts';

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
