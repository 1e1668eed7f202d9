import type { Client, WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { Progress } from '../nas/process/protocol.ts';
import { runStates, statusQuery } from '../plan/messages.ts';
import type { RunState, RunStatus, StageState, StageStatus } from '../plan/messages.ts';
import { devicesOfQueue, parseActivityId } from '../plan/names.ts';
import { searchValueOf } from '../plan/search.ts';
import { waitOf } from './workers.ts';

const PATIENCE_MS = 15_000;

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
  /** The worker that has taken it, with its devices, where several ranks do it together. */
  readonly ranks?: { readonly count: number; readonly worker: string };
  /** What it waits for, in words: a worker, or devices of the worker that has taken it. */
  readonly waits?: string;
}

type Description = Awaited<ReturnType<WorkflowHandle['describe']>>;
type PendingActivity = NonNullable<Description['raw']['pendingActivities']>[number];

/** Asks a run how it stands: its own account by query (a worker must be up for that), and its activities' last heartbeats. */
export async function readRun(client: Client, id: string, patienceMs = PATIENCE_MS): Promise<RunView> {
  const description = await client.workflow.getHandle(id).describe();
  const ending = endingOf(description);
  const status = await statusOf(client, id, patienceMs);
  return {
    status: ending === null ? status : settled(status, ending),
    work: await workIn(client, description),
    startedAt: description.startTime.getTime(),
    endedAt: description.closeTime?.getTime() ?? null,
    ending,
  };
}

const OPEN: ReadonlySet<StageState> = new Set(['running', 'selecting', 'parked', 'paused']);

/** What a run that is over says of itself: one that was stopped under way still has stages at work, and asks people for answers. */
export function settled(status: RunStatus, ending: Ending): RunStatus {
  const stages = status.stages.map((stage): StageStatus => {
    const { choices: _, cells, ...rest } = stage;
    const state = OPEN.has(stage.state) ? 'stopped' : stage.state;
    return { ...rest, state, ...(cells === undefined ? {} : { cells: { ...cells, parked: [] } }) };
  });
  return { ...status, state: ending, stages };
}

/** A run's own account of itself: a worker must be up for that. */
export async function statusOf(client: Client, id: string, patienceMs: number): Promise<RunStatus> {
  return await answered(client, () => client.workflow.getHandle(id).query(statusQuery), patienceMs);
}

/** What the server knows of an open run by itself, where no worker has to answer. */
export interface Glimpse {
  /** Null where the run keeps no search attributes, or has not begun. */
  readonly state: RunState | null;
  /** Whether it asks people for something. */
  readonly isAsking: boolean;
  /** Whether something has happened that no worker has taken up yet. */
  readonly isQueued: boolean;
  readonly work: readonly Work[];
}

export async function glimpseRun(client: Client, id: string): Promise<Glimpse> {
  const description = await client.workflow.getHandle(id).describe();
  const { typedSearchAttributes: attributes, raw } = description;
  const state = searchValueOf(attributes, 'NasState');
  const task = raw.pendingWorkflowTask;
  return {
    state: runStates.find((one) => one === state) ?? null,
    isAsking: searchValueOf(attributes, 'NasWaitsFor') !== undefined,
    isQueued: task != null && task.startedTime == null,
    work: await workIn(client, description),
  };
}

async function workIn(client: Client, { raw }: Description): Promise<Work[]> {
  const pending = raw.pendingActivities ?? [];
  const work = await Promise.all(pending.map(async (one) => await workOf(client, one)));
  return work.toSorted((a, b) => Number(a.cell) - Number(b.cell));
}

const ENDINGS: Readonly<Partial<Record<Description['status']['name'], Ending>>> = {
  COMPLETED: 'done',
  CANCELLED: 'cancelled',
  FAILED: 'failed',
  TERMINATED: 'failed',
  TIMED_OUT: 'failed',
};

/** How a run ended; null while it is open. */
export function endingOf({ status }: Pick<Description, 'status'>): Ending | null {
  return ENDINGS[status.name] ?? null;
}

/** Asks a run something that only a worker can answer, and gives up after a while. */
export async function answered<T>({ connection }: Client, ask: () => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  return await connection.withDeadline(Date.now() + patienceMs, ask);
}

async function workOf(client: Client, pending: PendingActivity): Promise<Work> {
  const { stage, cell } = parseActivityId(pending.activityId ?? '');
  const [details] = pending.heartbeatDetails?.payloads ?? [];
  const said = details == null ? null : defaultPayloadConverter.fromPayload(details);
  const progress = Progress.safeParse(said);
  const queued = pending.lastStartedTime == null;
  const queue = pending.activityOptions?.taskQueue?.name ?? '';
  const { devices: count } = devicesOfQueue(queue);
  const waits = queued ? await waitOf(client, queue) : said;
  return {
    stage,
    cell,
    attempt: pending.attempt ?? 1,
    queued,
    progress: progress.success ? progress.data : null,
    ...(count > 1 && !queued ? { ranks: { count, worker: pending.lastWorkerIdentity ?? '' } } : {}),
    ...(typeof waits === 'string' ? { waits } : {}),
  };
}
