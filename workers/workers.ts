import { hostname } from 'node:os';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { ActivitySlotInfo, CustomSlotSupplier, InjectedSinks } from '@temporalio/worker';
import { DevicePool } from '../activities/device-pool.ts';
import type { Permissions } from '../activities/permissions.ts';
import { tellEndedWork } from '../activities/spans.ts';
import { heavyActivities, lightActivities } from '../activities/stages.ts';
import { CONTROL_QUEUE, HEAVY_QUEUE, queueOf } from '../plan/names.ts';
import type { SpanSinks } from '../plan/spans.ts';
import type { Room } from './room.ts';
import { usable } from './server.ts';
import type { ServerConfig } from './server.ts';
import { versionOptions } from './versions.ts';
import type { Version } from './versions.ts';
import { workflowCode } from './workflow-bundle.ts';

/** `control`: workflows and light work. `heavy`: what trains and evaluates, on processors or cards. */
export type Role = 'control' | 'heavy';

export interface WorkerOptions {
  /** Which workers to run in this process. */
  readonly roles: readonly Role[];
  /** One heavy activity each: `cpu`, `gpu:0` … */
  readonly devices: readonly string[];
  /** Task queue of the heavy worker; HEAVY_QUEUE where absent. */
  readonly queue?: string;
  /** What plans may ask of it. */
  readonly permissions: Permissions;
  /** Which version of the workers these are, where versions run side by side. */
  readonly version?: Version;
  /** Without it work is taken however little is free. */
  readonly room?: Room;
}

export interface RunningWorkers {
  /** Ends when the workers have shut down; rejects if one of them fails. */
  readonly stopped: Promise<void>;
  /** Begins the shutdown: heavy work stops at a checkpoint. */
  shutdown(): void;
  /** What heavy work shares; null where these workers do none. */
  readonly pool: DevicePool | null;
  /** `draining`: they end what they have begun. */
  state(): 'running' | 'draining' | 'failed';
  /** Task queues of heavy work that they ask. */
  readonly queues: readonly string[];
}

/** Runs workers in this process. Rejects as `usable` does where the server cannot be used. */
export async function startWorkers(server: ServerConfig, options: WorkerOptions): Promise<RunningWorkers> {
  const connection = await usable(server, NativeConnection.connect(server.connectionOptions), true);
  const workers: Worker[] = [];
  const pool = options.roles.includes('heavy') ? new DevicePool(options.devices) : null;
  for (const role of new Set(options.roles)) {
    const { namespace } = server;
    if (role === 'control') workers.push(await createControlWorker(connection, namespace, options));
    else if (pool !== null) workers.push(...(await createHeavyWorkers(connection, namespace, { ...options, pool })));
  }
  const shutdown = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const state = (): ReturnType<RunningWorkers['state']> => {
    const states = workers.map((worker) => worker.getState());
    if (states.includes('FAILED')) return 'failed';
    return states.every((one) => one === 'RUNNING') ? 'running' : 'draining';
  };
  const queues = workers.map((worker) => worker.options.taskQueue).filter((queue) => queue !== CONTROL_QUEUE);
  return { stopped: runAll(workers, shutdown, connection), shutdown, pool, state, queues };
}

// One worker that fails takes the others with it: half of them would only look alive.
async function runAll(workers: readonly Worker[], shutdown: () => void, connection: NativeConnection): Promise<void> {
  const ends = await Promise.allSettled(workers.map((worker) => worker.run().finally(shutdown)));
  await connection.close();
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

/** Where workflows tell that something of a run has ended, once each. */
export const workflowSinks: InjectedSinks<SpanSinks> = {
  spans: {
    ended: {
      fn: ({ workflowId, firstExecutionRunId }, work) => tellEndedWork(workflowId, firstExecutionRunId, work),
      callDuringReplay: false,
    },
  },
};

/** The worker of workflows and light activities: any number of them may run. */
async function createControlWorker(
  connection: NativeConnection,
  namespace: string,
  { permissions, version }: Pick<WorkerOptions, 'permissions' | 'version'>,
): Promise<Worker> {
  return await Worker.create({
    connection,
    namespace,
    taskQueue: CONTROL_QUEUE,
    ...versionOptions(version),
    ...(await workflowCode()),
    activities: lightActivities(permissions),
    sinks: workflowSinks,
    maxConcurrentActivityTaskExecutions: 10,
    // Light work ends within it.
    shutdownGraceTime: '10 seconds',
    shutdownForceTime: '30 seconds',
  });
}

/**
 * Workers of heavy activities, on devices that they share. Each asks a queue of
 * its own, for the work that takes one device, two, and so on: work that needs more than there are never comes here. Any number of
 * them on any number of machines share a queue, if they share the results folder.
 */
export async function createHeavyWorkers(
  connection: NativeConnection,
  namespace: string,
  {
    pool,
    queue = HEAVY_QUEUE,
    permissions,
    room,
    version,
  }: Pick<WorkerOptions, 'queue' | 'permissions' | 'room' | 'version'> & {
    readonly pool: DevicePool;
  },
  activitiesOn: (pool: DevicePool, permissions: Permissions) => object = heavyActivities,
): Promise<Worker[]> {
  const activities = activitiesOn(pool, permissions);
  const needs = Array.from({ length: pool.size }, (_, at) => at + 1);
  return await Promise.all(
    needs.map(async (need) => {
      return await Worker.create({
        connection,
        namespace,
        // Temporal's pages show it beside the work.
        identity: `${process.pid}@${hostname()} ${pool.devices.join()}`,
        taskQueue: queueOf(queue, need),
        ...versionOptions(version),
        activities,
        tuner: {
          activityTaskSlotSupplier: slotsOf(pool, need, room),
          // It has no such tasks.
          workflowTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
          localActivityTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
          nexusTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
        },
        // Hours of training end no sooner for a longer grace: stop at a checkpoint, and let another worker go on.
        shutdownGraceTime: '1 second',
        shutdownForceTime: '2 minutes',
        // A request to stop arrives with a heartbeat's answer, so heartbeats must not be rare.
        maxHeartbeatThrottleInterval: '3 seconds',
      });
    }),
  );
}

/** When a worker may ask for work that needs so many devices of the pool. */
function slotsOf(pool: DevicePool, need: number, room: Room | undefined): CustomSlotSupplier<ActivitySlotInfo> {
  return {
    type: 'custom',
    async reserveSlot(_, signal) {
      await room?.wait(signal);
      await pool.permit(need, signal);
      return {};
    },
    tryReserveSlot: () => (room?.shortage() == null && pool.tryPermit(need) ? {} : null),
    markSlotUsed: () => undefined,
    releaseSlot: () => pool.release(need),
  };
}
