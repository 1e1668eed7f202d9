import type { TrainerErrorType } from '../nas/process/protocol.ts';
import type { JsonObject } from '../pipelines/plan.ts';
import type { Choice } from '../workflows/messages.ts';

/** What the workflow gives to the activity that `uses` names. Types only: workflow code imports this file. */
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
}

/** Work with the same fingerprint of any run, no work of other runs, or that run's work as it is. */
export type Reuse = 'anything' | 'nothing' | { readonly run: string };

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
}

/** Who chose which epoch, and why. */
export interface ChosenEpoch {
  readonly epoch: number;
  readonly by: 'rule' | 'person';
  readonly who: string;
  readonly why: string;
}

/** Input of `select-epoch`: records the choice and gives the stage's outputs. */
export interface SelectInput extends StageInput {
  readonly chosen: ChosenEpoch;
}

/** The ways an attempt can end without a result; `activities/endings.ts` says what each means. */
export type Ending = TrainerErrorType | 'WorkerShutdown' | 'Interrupted';
