import type { QueryDefinition, SignalDefinition, UpdateDefinition } from '@temporalio/common';
import type { Choice } from './choice.ts';
import type { Json, JsonObject } from './json.ts';

/** What people and programs say to a run, and what it tells of itself. */

/** `stopped`: at work, or waiting for a person, when the run was cancelled or ended by force. */
export type StageState =
  | 'waiting'
  | 'running'
  | 'selecting'
  | 'parked'
  | 'paused'
  | 'stopped'
  | 'done'
  | 'reused'
  | 'skipped'
  | 'failed';

/** `waiting`: nothing runs, a person is asked (an epoch to choose, a parked stage). */
export const runStates = ['running', 'waiting', 'paused', 'done', 'failed', 'cancelled'] as const;
export type RunState = (typeof runStates)[number];

/** One stage as `status` tells it. `epoch` and `tau` are those chosen, or of the best so far while a person is asked. */
export interface StageStatus {
  readonly id: string;
  readonly uses: string;
  readonly state: StageState;
  readonly epoch?: number;
  /** How many epochs the stage trains. */
  readonly epochs?: number;
  readonly tau?: number;
  /** 95 % bootstrap interval of `tau`. */
  readonly interval?: readonly [low: number, high: number];
  /** The chosen supernet, relative to the results root. */
  readonly supernet?: string;
  /** Attempts begun, over all cells; those of work in progress are counted when it ends. */
  readonly attempts: number;
  readonly error?: string;
  /** Only of a matrix stage. */
  readonly cells?: CellCounts;
  /** Values that `retryStage` put into its `with`, by dotted key. */
  readonly set?: Readonly<Record<string, Json>>;
  /** What a person may choose from, while the stage is `selecting`. */
  readonly choices?: readonly Choice[];
  /** Why its result, or that of so many cells, was taken over instead of made anew. */
  readonly reason?: string;
  readonly outputs?: JsonObject | null;
}

export interface CellCounts {
  /** Made or taken over. */
  readonly done: number;
  /** Of those, how many were taken over. */
  readonly reused: number;
  readonly total: number;
  readonly parked: readonly string[];
}

export interface RunStatus {
  readonly id: string;
  readonly name: string;
  readonly state: RunState;
  readonly stages: readonly StageStatus[];
  /** What went wrong without stopping anything, such as a signal for an epoch that does not exist; the last ten. */
  readonly notices: readonly string[];
}

export interface SelectEpoch {
  readonly stage: string;
  readonly epoch: number;
  /** Recorded with the choice. */
  readonly who?: string;
  readonly why?: string;
}

/** `stage` is a stage's id, or `<stage>.<cell>` (cells count from 1) for one cell of a matrix stage. */
export interface StageMessage {
  readonly stage: string;
}

export interface RetryStage extends StageMessage {
  /** Values to put into the stage's `with`, by dotted key (`optimizer.momentum`); the key must exist. */
  readonly set?: Readonly<Record<string, Json>>;
}

// What defineUpdate, defineSignal and defineQuery make; made here, so that whoever sends a message loads no workflow library.
// The types of arguments and results are brands, of which nothing is there at run time: hence the assertions.
/* oxlint-disable typescript/no-unsafe-type-assertion */
const update = <Result, Message>(name: string) => ({ type: 'update', name }) as UpdateDefinition<Result, [Message]>;
const signal = <Arguments extends unknown[] = []>(name: string) =>
  ({ type: 'signal', name }) as SignalDefinition<Arguments>;
const query = <Result>(name: string) => ({ type: 'query', name }) as QueryDefinition<Result>;
/* oxlint-enable typescript/no-unsafe-type-assertion */

/** Chooses the epoch of a stage that asks for one; refused for an epoch that does not exist. */
export const selectEpochUpdate = update<Choice, SelectEpoch>('selectEpoch');
/** The same without an answer: a bad choice is put among the notices. */
export const selectEpochSignal = signal<[SelectEpoch]>('selectEpoch');
/** Tries a parked stage, or all its parked cells, again. Each of the three answers with the cells it moved. */
export const retryStageUpdate = update<string[], RetryStage>('retryStage');
/** Goes on without a parked stage: its outputs are null, and stages that need it are skipped. */
export const skipStageUpdate = update<string[], StageMessage>('skipStage');
/** Gives a parked stage up: what needs it is skipped, other branches run on, then the run fails. */
export const abortStageUpdate = update<string[], StageMessage>('abortStage');
/** Stops running stages at a checkpoint and starts no further ones. */
export const pauseSignal = signal('pause');
export const resumeSignal = signal('resume');
export const statusQuery = query<RunStatus>('status');
