import { expect, test } from 'vitest';
import { CONTROL_QUEUE, PIPELINE } from '../../plan/names.ts';
import { planOf, TestRun } from '../support/pipeline-server.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

const server = withPipelineServer(plainActivities);

test('each run of a schedule has an id of its own, under which its results lie', async () => {
  const { client } = server;
  const plan = planOf({ id: 'a', uses: 'echo' });
  const schedule = await client.schedule.create({
    scheduleId: plan.id,
    spec: {},
    action: {
      type: 'startWorkflow',
      workflowType: PIPELINE,
      workflowId: plan.id,
      taskQueue: CONTROL_QUEUE,
      args: [plan],
    },
    policies: { overlap: 'ALLOW_ALL' },
  });
  await schedule.trigger();
  const started = async (): Promise<string[]> => {
    const { info } = await schedule.describe();
    return info.recentActions.map(({ action }) => action.workflow.workflowId);
  };
  await expect.poll(async () => (await started()).length, { timeout: 20_000 }).toBe(1);
  const [id = ''] = await started();
  expect(id).toMatch(new RegExp(`^${plan.id}-20\\d\\d-[\\dT:-]+Z$`));
  const run = new TestRun(client.workflow.getHandle(id));
  await run.until(({ state }) => state === 'done');
  const status = await run.status();
  expect(status.id).toBe(id);
  expect(status.stages[0]?.outputs).toMatchObject({ directory: `${id}/a` });
  await schedule.delete();
});
