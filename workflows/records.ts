import { ApplicationFailure } from '@temporalio/workflow';
import { choiceOf } from '../plan/choice.ts';
import type { Choice, ChosenEpoch } from '../plan/choice.ts';
import { outputsOf } from '../plan/inputs.ts';
import { isObject } from '../plan/json.ts';
import type { Json, JsonObject } from '../plan/json.ts';
import type { StageState } from '../plan/messages.ts';
import { cellsOf, parseActivityId } from '../plan/names.ts';
import type { Plan, PlanStage } from '../plan/plan.ts';
import type { StageResult } from '../plan/results.ts';

/** What a run knows of itself beside its plan. Plain data: it is what the run carries along when it continues as new. */

export interface Records {
  readonly version: 1;
  readonly stages: StageRecord[];
  paused: boolean;
  notices: string[];
}

export interface StageRecord {
  readonly id: string;
  readonly cells: CellRecord[];
}

/** Where one cell stands; a stage without matrix has one, of its own id. */
export interface CellRecord {
  readonly id: string;
  state: 'waiting' | 'running' | 'paused' | 'parked' | 'selecting' | 'done' | 'skipped' | 'failed';
  /** How often its work was scheduled. */
  rounds: number;
  attempts: number;
  /** When its work first began, in ms since 1970; absent before, and from histories of 0.1.0. */
  began?: number;
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

/** The records that a run begins with: what it carried along, or none yet. Refuses those of a release that is not known. */
export function recordsFrom(plan: Plan, carried: Records | OldRecords | undefined): Records {
  if (carried === undefined) return { version: 1, stages: plan.stages.map(emptyRecord), paused: false, notices: [] };
  if (!('version' in carried)) return fromFirstRelease(carried);
  // Whatever the type says: another release wrote it.
  const version: unknown = carried.version;
  if (version === 1) return carried;
  throw ApplicationFailure.nonRetryable(
    `run ${plan.id}: expected records of version 1, got ${JSON.stringify(version)}; run the workers of the release that began it, or start it again: what it has finished is kept`,
    'RecordsVersion',
  );
}

function emptyRecord(stage: PlanStage): StageRecord {
  const nothing = { result: null, chosen: null, chooseUntil: null, outputs: null, error: null };
  const cells = cellsOf(stage).map(({ id }): CellRecord => ({
    id,
    state: 'waiting',
    rounds: 0,
    attempts: 0,
    ...nothing,
    set: {},
  }));
  return { id: stage.id, cells };
}

/** Those of release 0.1.0. */
interface OldRecords extends Omit<Records, 'version' | 'stages'> {
  readonly stages: readonly { readonly id: string; readonly works: readonly CellRecord[] }[];
}

function fromFirstRelease({ stages, ...rest }: OldRecords): Records {
  return { version: 1, ...rest, stages: stages.map(({ id, works }) => ({ id, cells: works.map(withNewChoices) })) };
}

function withNewChoices({ result, ...cell }: CellRecord): CellRecord {
  return { ...cell, result: result && { ...result, choices: result.choices?.map(choiceOf) ?? null } };
}

export function isOver({ state }: CellRecord): boolean {
  return state === 'done' || state === 'skipped' || state === 'failed';
}

export function isReused({ result }: CellRecord): boolean {
  return result?.reused != null;
}

/** The state of a stage: what its cells have in common, or what most needs to be seen. */
export function stateOf({ cells }: StageRecord): StageState {
  const has = (state: CellRecord['state']): boolean => cells.some((cell) => cell.state === state);
  if (cells.every(isOver)) {
    if (has('failed')) return 'failed';
    if (!has('done')) return 'skipped';
    return cells.every(isReused) ? 'reused' : 'done';
  }
  const order = ['running', 'paused', 'parked', 'selecting'] as const;
  return order.find(has) ?? (cells.some((cell) => cell.rounds > 0) ? 'running' : 'waiting');
}

/** What `${{ stages.<id>… }}` sees. */
export function outputsIn(stage: PlanStage, { cells }: StageRecord): JsonObject | null {
  return outputsOf(
    stage,
    cells.map(({ outputs }) => outputs),
  );
}

/** The cells that a message means: all of a stage, or the one that it names. */
export function cellsNamed({ stages }: Records, name: string): CellRecord[] {
  const { stage, cell } = parseActivityId(name);
  const record = stages.find(({ id }) => id === stage);
  return record?.cells.filter(({ id }) => cell === null || id === name) ?? [];
}

/** The epoch that was chosen. */
export function choiceIn({ result, chosen }: CellRecord): Choice | null {
  return result?.choices?.find(({ epoch }) => epoch === chosen?.epoch) ?? null;
}

/** The first output that is a file: what a stage passes on. */
export function fileOf(outputs: JsonObject | null): string | null {
  for (const output of Object.values(outputs ?? {})) {
    const file = isObject(output) ? output['file'] : null;
    if (typeof file === 'string') return file;
  }
  return null;
}
