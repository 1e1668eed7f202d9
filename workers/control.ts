import { Worker } from '@temporalio/worker';
import type { NativeConnection } from '@temporalio/worker';
import { lightActivities } from '../activities/light.ts';
import { CONTROL_QUEUE } from '../workflows/messages.ts';
import { workflowBundle } from './bundle.ts';

/** The worker of workflows and light activities: any number of them may run. */
export async function createControlWorker(connection: NativeConnection, namespace: string): Promise<Worker> {
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
