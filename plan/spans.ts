import type { Sinks } from '@temporalio/workflow';

/** A run, or one stage or cell of it, that has ended: what its workflow tells whoever traces runs. */
export interface EndedWork {
  /** `few-shot-3`, or `evaluate.3` for a cell; null: the run itself. */
  readonly stage: string | null;
  /** By the server's clock, in ms since 1970. */
  readonly began: number;
  readonly ended: number;
  /** `done`, `reused`, `skipped`, `failed` or `cancelled`. */
  readonly ending: string;
  /** How often it was tried; 0 for a run. */
  readonly attempts: number;
  /** Why it failed; null where it did not. */
  readonly error: string | null;
}

/** What workers of workflows do with it. It is outside of the history, so it may be lost with a worker. */
export interface SpanSinks extends Sinks {
  readonly spans: { ended(work: EndedWork): void };
}
