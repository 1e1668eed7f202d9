import type { Client } from '@temporalio/client';
import { measured } from '../activities/metrics.ts';
import { CONTROL_QUEUE } from '../plan/names.ts';
import { OPEN_RUNS, searchValueOf } from '../plan/search.ts';

/** The server is asked again after so long, however many scrape. */
const FRESH_MS = 10_000;
/** Of runs, told one by one. */
const MOST_RUNS = 1000;
const [WORKFLOW_TASKS, ACTIVITY_TASKS] = [1, 2] as const;

interface OpenRun {
  readonly run: string;
  readonly pipeline: string;
  readonly state: string;
  readonly waits: readonly string[];
}

interface Queue {
  readonly queue: string;
  readonly kind: 'workflow' | 'activity';
  readonly pollers: number;
  readonly backlog: number;
}

/**
 * What workers tell Prometheus of the server: open runs by their search attributes, and queues. All of them tell the same, so
 * a rule takes the maximum.
 * @param queues of heavy work
 */
export function showServer(client: Client, queues: readonly string[]): void {
  const runs = fresh(async () => await openRuns(client));
  const found = fresh(
    async () => await Promise.all(asked(queues).map(([queue, type]) => describe(client, queue, type))),
  );
  measured('nas_runs', 'Open runs by state, as their search attributes say', ['state'], async () => {
    const states = (await runs()).map(({ state }) => state);
    return [...new Set(states)].map((state) => [{ state }, states.filter((one) => one === state).length]);
  });
  measured(
    'nas_run_waiting',
    'An open run that waits for people: for the choice of an epoch, an answer for a parked stage, nas resume',
    ['run', 'pipeline', 'waits_for'],
    async () =>
      (await runs()).flatMap(({ run, pipeline, waits }) =>
        waits.map((one) => [{ run, pipeline, waits_for: one }, 1] as const),
      ),
  );
  measured(
    'nas_queue_pollers',
    'Workers that have asked a task queue for work in the last minutes',
    ['queue', 'kind'],
    async () => (await found()).map(({ queue, kind, pollers }) => [{ queue, kind }, pollers]),
  );
  measured(
    'nas_queue_backlog_tasks',
    'Tasks that wait in a task queue, as far as the server knows',
    ['queue', 'kind'],
    async () => (await found()).map(({ queue, kind, backlog }) => [{ queue, kind }, backlog]),
  );
}

type Asked = readonly [queue: string, type: typeof WORKFLOW_TASKS | typeof ACTIVITY_TASKS];

function asked(queues: readonly string[]): Asked[] {
  const activities = [...new Set([CONTROL_QUEUE, ...queues])].map((queue): Asked => [queue, ACTIVITY_TASKS]);
  return [[CONTROL_QUEUE, WORKFLOW_TASKS], ...activities];
}

async function openRuns(client: Client): Promise<OpenRun[]> {
  const open: OpenRun[] = [];
  for await (const info of client.workflow.list({ query: OPEN_RUNS })) {
    const { workflowId: run, typedSearchAttributes: attributes } = info;
    const pipeline = searchValueOf(attributes, 'NasPipeline');
    const state = searchValueOf(attributes, 'NasState');
    const waits = searchValueOf(attributes, 'NasWaitsFor');
    open.push({
      run,
      pipeline: typeof pipeline === 'string' ? pipeline : '',
      state: typeof state === 'string' ? state : 'unknown',
      waits: Array.isArray(waits) ? waits.map(String) : [],
    });
    if (open.length === MOST_RUNS) break;
  }
  return open;
}

async function describe({ workflowService, options }: Client, queue: string, type: Asked[1]): Promise<Queue> {
  const { pollers, stats } = await workflowService.describeTaskQueue({
    namespace: options.namespace,
    taskQueue: { name: queue },
    // The enum stands in a package that only the client has.
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment
    taskQueueType: type,
    reportStats: true,
  });
  return {
    queue,
    kind: type === WORKFLOW_TASKS ? 'workflow' : 'activity',
    pollers: pollers?.length ?? 0,
    backlog: Number(stats?.approximateBacklogCount ?? 0),
  };
}

/** Asks once for all who want to know at about the same time. Of a server that does not answer nothing is told. */
function fresh<T>(ask: () => Promise<readonly T[]>): () => Promise<readonly T[]> {
  let last: { readonly at: number; readonly answer: Promise<readonly T[]> } | null = null;
  return async () => {
    if (last === null || Date.now() - last.at > FRESH_MS) last = { at: Date.now(), answer: ask().catch(() => []) };
    return await last.answer;
  };
}
