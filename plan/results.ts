import type { Choice, ChosenEpoch } from './choice.ts';
import type { JsonObject } from './json.ts';
import type { Origin, Retry } from './plan.ts';
import type { Reuse } from './reuse.ts';

/** What passes between the workflow and the activities of its stages. */

/** What the workflow gives to the activity that `uses` names. */
export interface StageInput {
  /** `few-shot-3`, or `evaluate.3` for a cell: names the work in its token and its ledger. */
  readonly stage: string;
  readonly uses: string;
  /** The stage's folder, relative to the results root. */
  readonly directory: string;
  /** Grows by one each time the workflow schedules the work anew: part of the fencing token. */
  readonly round: number;
  /** Free of references. */
  readonly with: JsonObject;
  /** Where finished work may come from, beside the stage's own folder; from anywhere where absent. */
  readonly reuse?: Reuse;
  /** When the stage is tried again, and when it parks; absent from histories of 0.1.0. */
  readonly retry?: Retry;
  /** Of the run; absent from histories of 0.1.0. */
  readonly origin?: Origin;
  /** When the workflow run began, by the server's clock, in ms since 1970; absent from histories of 0.1.0. */
  readonly runStarted?: number;
  /** The server's id of the run; of one that was continued as new, of the first. Absent from histories of 0.1.0. */
  readonly firstRun?: string;
}

/** What a stage's activity gives back: ids, paths, hashes, scalars; about 1 KB. */
export interface StageResult {
  /** Null where an epoch has to be chosen first. */
  readonly outputs: JsonObject | null;
  /** Epochs to choose from; null where there is nothing to choose. */
  readonly choices: readonly Choice[] | null;
  /** A person's choice that an earlier run of the same work recorded: it is not asked for again. */
  readonly chosen: ChosenEpoch | null;
  /** Temporal's count of attempts within the round. */
  readonly attempt: number;
  /** Why the result was taken over instead of made anew; null for fresh work. */
  readonly reused: string | null;
  /** What a reader of the result should know of how it was made. */
  readonly notices?: readonly string[];
}

/** Input of `select-epoch`: records the choice and gives the stage's outputs. */
export interface SelectInput extends StageInput {
  readonly chosen: ChosenEpoch;
}
