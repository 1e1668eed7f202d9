import type { Progress } from '../nas/process/protocol.ts';
import type { RunStatus } from '../workflows/messages.ts';

/** What is known of a run at one moment: the workflow's own account, and what its running activities last said. */
export interface RunView {
  readonly status: RunStatus;
  readonly work: readonly Work[];
  /** Milliseconds since the epoch; `endedAt` and `ending` are null while the run is open. */
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly ending: Ending | null;
}

/** `failed` also stands for a run that was terminated or timed out. */
export type Ending = 'done' | 'failed' | 'cancelled';

/** One activity at work: a stage, or one cell of a matrix stage. */
export interface Work {
  readonly stage: string;
  /** Counted from 1. */
  readonly cell: string | null;
  readonly attempt: number;
  /** No worker has taken it yet. */
  readonly queued: boolean;
  readonly progress: Progress | null;
}
