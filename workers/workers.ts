import { bundleWorkflowCode, NativeConnection, Worker } from '@temporalio/worker';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { DevicePool, heavyActivities, lightActivities } from '../activities/stages.ts';
import { CONTROL_QUEUE, HEAVY_QUEUE } from '../plan/names.ts';
import { programFile } from '../runtime/layout.ts';
import { usable } from './server.ts';
import type { ServerConfig } from './server.ts';

/** `control`: workflows and light work. `heavy`: what trains and evaluates, on processors or cards. */
export type Role = 'control' | 'heavy';

export interface WorkerOptions {
  /** Which workers to run in this process. */
  readonly roles: readonly Role[];
  /** One heavy activity each: `cpu`, `gpu:0` … */
  readonly devices: readonly string[];
  /** Task queue of the heavy worker; HEAVY_QUEUE where absent. */
  readonly queue?: string;
}

export interface RunningWorkers {
  /** Ends when the workers have shut down; rejects if one of them fails. */
  readonly stopped: Promise<void>;
  /** Begins the shutdown: heavy work stops at a checkpoint. */
  shutdown(): void;
}

/** Runs workers in this process. Rejects with ServerError, one sentence, where the server cannot be used. */
export async function startWorkers(server: ServerConfig, options: WorkerOptions): Promise<RunningWorkers> {
  const connection = await usable(server, NativeConnection.connect(server.connectionOptions));
  const workers: Worker[] = [];
  for (const role of new Set(options.roles)) {
    workers.push(
      role === 'control'
        ? await createControlWorker(connection, server.namespace)
        : await createHeavyWorker(connection, server.namespace, options),
    );
  }
  const shutdown = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  return { stopped: runAll(workers, shutdown, connection), shutdown };
}

// One worker that fails takes the others with it: half of them would only look alive.
async function runAll(workers: readonly Worker[], shutdown: () => void, connection: NativeConnection): Promise<void> {
  const ends = await Promise.allSettled(workers.map((worker) => worker.run().finally(shutdown)));
  await connection.close();
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** The worker of workflows and light activities: any number of them may run. */
async function createControlWorker(connection: NativeConnection, namespace: string): Promise<Worker> {
  return await Worker.create({
    connection,
    namespace,
    taskQueue: CONTROL_QUEUE,
    workflowBundle: await workflowBundle(),
    activities: lightActivities,
    maxConcurrentActivityTaskExecutions: 10,
    // Light work ends within it.
    shutdownGraceTime: '10 seconds',
    shutdownForceTime: '30 seconds',
  });
}

/**
 * A worker of heavy activities: one at a time a device (`cpu`, `gpu:0` …; `cpu` may be named several times). Any number
 * of them on any number of machines share a queue, if they share the results folder.
 */
export async function createHeavyWorker(
  connection: NativeConnection,
  namespace: string,
  { devices, queue = HEAVY_QUEUE }: Pick<WorkerOptions, 'devices' | 'queue'>,
): Promise<Worker> {
  const pool = new DevicePool(devices);
  return await Worker.create({
    connection,
    namespace,
    taskQueue: queue,
    activities: heavyActivities(pool),
    maxConcurrentActivityTaskExecutions: pool.size,
    // Hours of training end no sooner for a longer grace: stop at a checkpoint, and let another worker go on.
    shutdownGraceTime: '1 second',
    shutdownForceTime: '2 minutes',
    // A request to stop arrives with a heartbeat's answer, so heartbeats must not be rare.
    maxHeartbeatThrottleInterval: '3 seconds',
  });
}

let made: Promise<WorkflowBundleWithSourceMap> | undefined;

/** The workflow code as the workers run it, made once a process. */
export async function workflowBundle(): Promise<WorkflowBundleWithSourceMap> {
  made ??= bundleWorkflowCode({
    workflowsPath: programFile('workflows/pipeline.ts'),
    logger: { log: ignore, trace: ignore, debug: ignore, info: ignore, warn: console.warn, error: console.error },
  });
  return await made;
}

function ignore(): void {
  // The bundler has nothing to say to users when it works.
}
