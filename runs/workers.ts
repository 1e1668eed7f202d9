import type { Client } from '@temporalio/client';
import { devicesOfQueue } from '../plan/names.ts';

// Which workers there are, as far as the server has heard of them in the last minutes. A worker's name ends with its devices.

const ACTIVITY_QUEUE = 2;

/**
 * What work on that queue waits for, in words: a worker, one with devices enough, or one whose devices are free.
 */
export async function waitOf({ workflowService, options }: Client, queue: string): Promise<string> {
  const { name, devices } = devicesOfQueue(queue);
  if (devices === 1) return 'waits for a worker';
  const { pollers } = await workflowService.describeTaskQueue({
    namespace: options.namespace,
    taskQueue: { name },
    // The enum stands in a package that only the client has.
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment
    taskQueueType: ACTIVITY_QUEUE,
  });
  const largest = Math.max(0, ...(pollers ?? []).map(({ identity }) => devicesOfWorker(identity ?? '')));
  const wanted = `waits for a worker with ${devices} free devices`;
  if (largest === 0) return `${wanted}; there is no worker, or all are at work`;
  return largest < devices ? `${wanted}; the largest has ${largest}` : wanted;
}

function devicesOfWorker(identity: string): number {
  return (identity.split(' ')[1] ?? '').split(',').filter(Boolean).length;
}
