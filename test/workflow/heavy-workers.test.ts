import path from 'node:path';
import { Worker } from '@temporalio/worker';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { DevicePool } from '../../activities/device-pool.ts';
import { unlimited } from '../../activities/permissions.ts';
import { lightActivities } from '../../activities/stages.ts';
import { planOf } from '../support/pipeline-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';
import { workflowCode } from '../../workers/workflow-bundle.ts';
import { createHeavyWorkers } from '../../workers/workers.ts';

const server = withPipelineServer(lightActivities(unlimited));

test('a worker of two cards runs one process on each', async () => {
  const root = temporaryFolder();
  process.env['NAS_RESULTS'] = root;
  // Waits for the other, so that both are at work at once.
  const program = 'echo $CUDA_VISIBLE_DEVICES > card; until [ -e ../1/card ] && [ -e ../2/card ]; do sleep 0.1; done';
  const plan = planOf({
    id: 'cards',
    uses: 'command',
    matrix: [{ part: 1 }, { part: 2 }],
    with: { run: ['sh', '-c', program], outputs: { card: 'card' } },
    queue: 'gpu',
    work: 'heavy',
  });
  const { nativeConnection } = server.environment;
  const workers = await createHeavyWorkers(nativeConnection, 'default', {
    pool: new DevicePool(['gpu:0', 'gpu:1']),
    permissions: unlimited,
  });
  const ended = Promise.all(workers.map((worker) => worker.run()));
  try {
    await (await server.start(plan)).handle.result();
  } finally {
    for (const worker of workers) worker.shutdown();
    await ended;
  }
  const cards = [1, 2].map((part) => readFileSync(path.join(root, plan.id, `cards/${part}/card`), 'utf8').trim());
  expect(cards.toSorted()).toEqual(['0', '1']);
});

test('a step of workflow code may take longer than the five seconds after which the SDK would stop it', async () => {
  const connection = server.environment.nativeConnection;
  const worker = await Worker.create({ connection, taskQueue: 'busy', ...(await workflowCode()) });
  await worker.runUntil(async () => await Promise.resolve());
  expect(worker.options.isolateExecutionTimeoutMs).toBe(300_000);
});
