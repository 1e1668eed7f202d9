import { Worker } from '@temporalio/worker';
import type { NativeConnection } from '@temporalio/worker';
import { DevicePool } from '../activities/devices.ts';
import { heavyActivities } from '../activities/heavy.ts';

export const GPU_QUEUE = 'gpu';

/**
 * A worker of heavy activities: one at a time a device (`cpu`, `gpu:0` …; `cpu` may be named several times). Any number
 * of them on any number of machines share a queue, if they share the results folder.
 */
export async function createGpuWorker(
  connection: NativeConnection,
  namespace: string,
  { devices, queue = GPU_QUEUE }: { devices: readonly string[]; queue?: string },
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
