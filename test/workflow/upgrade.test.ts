import { Worker } from '@temporalio/worker';
import path from 'node:path';
import { expect, test } from 'vitest';
import { nas } from '../support/nas.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { planOf } from '../support/pipeline-server.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

const server = withPipelineServer(plainActivities);
const check = async () =>
  await nas(['check-upgrade', '--json'], {
    TEMPORAL_ADDRESS: server.environment.address,
    TEMPORAL_NAMESPACE: 'default',
  });

test('open runs that this code continues pass, and one that other code began is named', async () => {
  const parked = await server.start(planOf({ id: 'one', uses: 'brittle', with: { fails: 9 } }));
  await parked.untilStage('one', 'parked');
  const run = parked.handle.workflowId;
  await expect
    .poll(async () => JSON.parse((await check()).stdout), { timeout: 60_000 })
    .toEqual({
      ok: true,
      runs: [{ run, error: null }],
    });

  const workflowsPath = path.resolve('test/support/other-pipeline.ts');
  const connection = server.environment.nativeConnection;
  const other = await Worker.create({ connection, taskQueue: 'other', workflowsPath });
  await other.runUntil(async () => {
    const plan = planOf({ id: 'one', uses: 'echo' });
    await server.client.workflow.start('pipeline', { args: [plan], workflowId: 'foreign', taskQueue: 'other' });
    const { workflowService } = server.client;
    const execution = { workflowId: 'foreign' };
    const hasTimer = async () =>
      (await workflowService.getWorkflowExecutionHistory({ namespace: 'default', execution })).history?.events?.some(
        (event) => event.timerStartedEventAttributes != null,
      );
    await expect.poll(hasTimer, { timeout: 60_000 }).toBe(true);
  });
  const { code, stdout } = await check();
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    ok: false,
    runs: expect.arrayContaining([
      { run: 'foreign', error: expect.stringMatching(/[Nn]ondeterminism/) },
      { run, error: null },
    ]),
  });
});
