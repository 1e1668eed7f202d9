import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import { resultsByRun } from '../artifacts/run-results.ts';
import type { RunResults } from '../artifacts/run-results.ts';
import type { RunState, RunStatus } from '../plan/messages.ts';
import { PIPELINE } from '../plan/names.ts';
import type { WaitForPeople } from '../plan/search.ts';
import { endingOf, glimpseRun, statusOf } from './run.ts';
import type { Work } from './run.ts';

/** What a run waits for: somebody's answer for a stage, a worker, or somebody who lets it go on. */
export interface Wait {
  readonly for: WaitForPeople | 'worker';
  /** Of a matrix stage `evaluate.3`, counted from 1; null where it is the whole run. */
  readonly stage: string | null;
}

/** One run, as far as its server and its results tell of it. */
export interface ListedRun {
  readonly id: string;
  /** `unknown`: results of a run that no server at hand knows any more; whether it ended well cannot be told. */
  readonly state: RunState | 'unknown';
  readonly waits: readonly Wait[];
  /** Milliseconds since the epoch; `endedAt` is null while the run is open. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** What lies in the results folder; null where nothing does. */
  readonly results: RunResults | null;
}

interface Places {
  /** Null where there is no server to ask. */
  readonly client: Client | null;
  /** The results root. */
  readonly root: string;
  /** Folder for what is remembered of results; it may be deleted. */
  readonly cache: string;
  /** A condition on what the server knows of runs, as Temporal writes it; those it does not know are left out then. */
  readonly query?: string;
}

/**
 * Every run that the server or the results folder knows, the latest first. Runs of sub-pipelines are left out as far as
 * the server tells which they are.
 * @throws ServiceError where the server does not answer
 */
export async function listRuns({ client, root, cache, query }: Places): Promise<ListedRun[]> {
  const [known, results] = await Promise.all([
    client === null ? [] : runsOfServer(client, query),
    resultsByRun(root, cache),
  ]);
  const all = await Promise.all(
    known
      .filter(({ parentExecution }) => parentExecution === undefined)
      .map(async (info) => ({ ...(await ofServer(client, info)), results: results.get(info.workflowId) ?? null })),
  );
  const ids = new Set(known.map(({ workflowId }) => workflowId));
  const others = [...(query === undefined ? results : [])]
    .filter(([id]) => !ids.has(id))
    .map(([id, found]) => ofResults(id, found));
  return [...all, ...others].toSorted((a, b) => (b.startedAt ?? 0) - (a.startedAt ?? 0));
}

/** An id that was used again is listed once, as it is now. */
async function runsOfServer(client: Client, query?: string): Promise<WorkflowExecutionInfo[]> {
  const wanted = [`WorkflowType = '${PIPELINE}'`, ...(query === undefined ? [] : [`(${query})`])].join(' AND ');
  const latest = new Map<string, WorkflowExecutionInfo>();
  for await (const info of client.workflow.list({ query: wanted })) {
    const other = latest.get(info.workflowId);
    if (other === undefined || other.startTime < info.startTime) latest.set(info.workflowId, info);
  }
  return [...latest.values()];
}

/** For which stages an open run asks people only its workflow knows, and a worker must answer for that. */
const PATIENCE_MS = 1500;

async function ofServer(client: Client | null, info: WorkflowExecutionInfo): Promise<Omit<ListedRun, 'results'>> {
  const { workflowId: id, startTime, closeTime } = info;
  const times = { id, startedAt: startTime.getTime(), endedAt: closeTime?.getTime() ?? null };
  const ending = endingOf(info);
  if (ending !== null || client === null) return { ...times, state: ending ?? 'running', waits: [] };
  const { state, isAsking, isQueued, work } = await glimpseRun(client, id);
  const forWorker: Wait = { for: 'worker', stage: null };
  if (state === 'running' && !isAsking) {
    return { ...times, state, waits: isQueued ? [forWorker] : waitsForWorkers(work) };
  }
  try {
    const status = await statusOf(client, id, PATIENCE_MS);
    return { ...times, state: status.state, waits: [...waitsOf(status), ...waitsForWorkers(work)] };
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ServiceError') throw error;
    return { ...times, state: state ?? 'running', waits: [forWorker] };
  }
}

/** Of a run whose stages at work all lie in queues. */
function waitsForWorkers(work: readonly Work[]): Wait[] {
  if (work.some(({ queued }) => !queued)) return [];
  return work.map(({ stage, cell }) => ({ for: 'worker', stage: cell === null ? stage : `${stage}.${cell}` }));
}

/** What a run asks people for. */
export function waitsOf({ state, stages }: RunStatus): Wait[] {
  const asked = stages.flatMap(({ id, state: stage, cells }): Wait[] => {
    if (stage === 'selecting') return [{ for: 'epoch', stage: id }];
    if (cells !== undefined) return cells.parked.map((cell) => ({ for: 'parked stage', stage: cell }));
    return stage === 'parked' ? [{ for: 'parked stage', stage: id }] : [];
  });
  return state === 'paused' ? [{ for: 'resume', stage: null }, ...asked] : asked;
}

function ofResults(id: string, results: RunResults): ListedRun {
  const { startedAt, endedAt } = results;
  return { id, state: 'unknown', waits: [], startedAt, endedAt, results };
}
