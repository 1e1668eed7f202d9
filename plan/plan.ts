import type { Json, JsonObject } from './json.ts';
import type { Channel } from './notify.ts';

/** One run of one pipeline file, fully validated; frozen as the input of the workflow `id`. */
export interface Plan {
  readonly version: 1;
  readonly name: string;
  /** Run id = workflow id = folder below the results root. */
  readonly id: string;
  /** The pipeline file, relative to the project root. */
  readonly source: string;
  /** Final values (`--set` applied). Only in a sub-plan may they hold `${{ stages.… }}`/`${{ matrix.… }}` of the parent. */
  readonly params: Readonly<Record<string, Json>>;
  /** What `--set` changed, `key=value` each, by key; absent where nothing was. */
  readonly set?: readonly string[];
  /** In topological order, ties in the order of the file. */
  readonly stages: readonly PlanStage[];
  /** What the run takes over of other runs; absent: whatever has the same fingerprint. */
  readonly reuse?: PlanReuse;
  /** Who is told of what; absent: nobody. No part of what is computed. */
  readonly notify?: readonly Channel[];
  /** Before whose work its own goes, where both wait for a worker. No part of what is computed. */
  readonly priority?: Priority;
  /** What `nas clean` leaves of the run; absent: only what a result needs. No part of what is computed. */
  readonly keep?: readonly Keepable[];
}

/** Temporal's words. */
export interface Priority {
  /** 1 (first) to 5; 3 where absent. */
  readonly priorityKey?: number;
  /** Those with the same key share what is done at a time with those of other keys. */
  readonly fairnessKey?: string;
  /** The key's share, beside 1 of others. */
  readonly fairnessWeight?: number;
}

/** What `nas clean` frees of a run that is over, unless its pipeline keeps it. */
export const keepable = ['checkpoints', 'epochs', 'set-aside'] as const;
export type Keepable = (typeof keepable)[number];

/** `nothing`: no other run's work. Else what comes before `stage` as `run` has it; of a sub-plan all where that is null. */
export type PlanReuse = 'nothing' | { readonly run: string; readonly stage: string | null };

/** Which pipeline a run was made of, and how it differs from the file: enough to start it once more. */
export interface Origin {
  readonly pipeline: string;
  readonly params: Readonly<Record<string, Json>>;
  readonly set: readonly string[];
  /** What `nas clean` leaves; absent: only what a result needs. */
  readonly keep?: readonly Keepable[];
}

export interface PlanStage {
  readonly id: string;
  /** A kind of `pipelines/kinds/catalogue.ts`; names the activity that does the work. */
  readonly uses: string;
  readonly needs: readonly string[];
  /**
   * Folder below `<results root>/<run id>/`. In a matrix stage it holds `${{ matrix.x }}`, so each cell has its own:
   * resolve it with the cell. Never absolute, never `..`.
   */
  readonly directory: string;
  /** Resolved and validated, but for `${{ stages.… }}`, `${{ matrix.… }}` (and `${{ params.… }}` in a sub-plan). */
  readonly with: JsonObject;
  /** The cells, in order; null for a stage that runs once. */
  readonly matrix: readonly Readonly<Record<string, Json>>[] | null;
  /** Condition in the grammar of `pipelines/conditions.ts`, without `${{ }}`; null = run when all needs succeeded. */
  readonly if: string | null;
  readonly select: Select | null;
  readonly retry: Retry;
  readonly timeout: Timeout;
  /** `gpu`, `control`, or any other queue that a worker serves. */
  readonly queue: string;
  /** `heavy` = runs a process, minutes to days, one a device; `light` = seconds. */
  readonly work: 'heavy' | 'light';
  /** Names that `${{ stages.<id>.<name> }}` may use. A matrix stage gives a list, one entry a cell; a skipped one null. */
  readonly outputs: readonly string[];
  /** What all cells together cost; null where nothing is computed on images. */
  readonly cost: Cost | null;
  /** The sub-pipeline of `uses: pipeline`; its `params` are `with.params`, resolved in the parent. */
  readonly plan: Plan | null;
}

/** How the best epoch of a training stage is chosen. */
export interface Select {
  readonly by: 'kendall_tau';
  readonly rule: 'latest-of-the-best' | 'max';
  /** `signal`: wait for a person's `selectEpoch`, at most `timeoutMs` (null = for ever), then go by the rule. */
  readonly wait: 'none' | 'signal';
  readonly timeoutMs: number | null;
}

/** How often a stage is tried again by itself, and how soon. */
export interface Retry {
  /** Attempts in a row that may save nothing before the stage parks. */
  readonly maximumAttempts: number;
  readonly initialIntervalMs: number;
  readonly backoffCoefficient: number;
}

export interface Timeout {
  /** One attempt. */
  readonly startToCloseMs: number;
  readonly heartbeatMs: number | null;
}

export interface Cost {
  /** 10^9 multiply-accumulates. */
  readonly gmacs: number;
  /** Bytes that normalisation, ReLU and what else stands between the convolutions read and write. */
  readonly traffic: number;
  /** Operations that a device is given one after the other: what small networks take their time for. */
  readonly operations: number;
  /** Bytes of memory that the dearest cell needs at once, on its device. */
  readonly memory: number;
  /** Bytes that the results of all cells take at most. */
  readonly disk: number;
  /** How the figure was made, in a few words. */
  readonly note: string;
}
