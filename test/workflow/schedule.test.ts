import type { ScheduleHandle } from '@temporalio/client';
import { expect, test } from 'vitest';
import { createSchedule, refusal } from '../../cli/schedule.ts';
import { asked, planOf, TestRun } from '../support/pipeline-server.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

const server = withPipelineServer(plainActivities);
const PATIENCE = { timeout: 20_000 };

async function started(schedule: ScheduleHandle): Promise<string[]> {
  const { info } = await schedule.describe();
  return info.recentActions.map(({ action }) => action.workflow.workflowId);
}

test('each run of a schedule has an id of its own, under which its results lie', async () => {
  const plan = planOf({ id: 'a', uses: 'echo' });
  const schedule = await createSchedule(server.client, plan, {}, 'side-by-side');
  await schedule.trigger();
  await expect.poll(async () => (await started(schedule)).length, PATIENCE).toBe(1);
  const [id = ''] = await started(schedule);
  expect(id).toMatch(new RegExp(`^${plan.id}-20\\d\\d-[\\dT:-]+Z$`));
  const run = new TestRun(server.client.workflow.getHandle(id));
  await run.until(({ state }) => state === 'done');
  const status = await run.status();
  expect(status.id).toBe(id);
  expect(status.stages[0]?.outputs).toMatchObject({ directory: `${id}/a` });
  await schedule.delete();
});

test('times that the server cannot read are refused by the option that gave them', async () => {
  const plan = planOf({ id: 'a', uses: 'echo' });
  for (const cron of ['hello', '99 3 * * *']) {
    const making = createSchedule(server.client, plan, { cronExpressions: [cron] }, 'skip');
    expect(refusal(plan.id, await making.catch((error: unknown) => error), cron)).toMatchObject({
      message: expect.stringMatching(/^--cron: expected minute, .*, got "[^"]+" \([^)]+\); correct it$/),
      ending: 'BadInput',
    });
  }
});

test('a run that is due while the one before is at work is left out, waits for it, ends it, or starts beside it, as the schedule says', async () => {
  const schedules = new Map<string, ScheduleHandle>();
  for (const rule of ['skip', 'wait', 'cancel', 'side-by-side'] as const) {
    const plan = planOf({ id: 'a', uses: 'epochs', select: asked });
    schedules.set(rule, await createSchedule(server.client, plan, { intervals: [{ every: 2000 }] }, rule));
  }
  const runsOf = async (rule: string): Promise<string[]> => await started(schedules.get(rule)!);
  const stateOf = async (id = ''): Promise<string> =>
    (await server.client.workflow.getHandle(id).describe()).status.name;
  await expect.poll(async () => (await runsOf('side-by-side')).length, PATIENCE).toBeGreaterThan(1);
  expect(await stateOf((await runsOf('side-by-side'))[0])).toBe('RUNNING');
  const { info } = await schedules.get('skip')!.describe();
  expect(info.recentActions).toHaveLength(1);
  expect(info.numActionsSkippedOverlap).toBeGreaterThan(0);
  await expect.poll(async () => (await runsOf('cancel')).length, PATIENCE).toBeGreaterThan(1);
  expect(await stateOf((await runsOf('cancel'))[0])).toBe('CANCELLED');
  // The one that waits begins when the one before has ended.
  const [first = '', ...others] = await runsOf('wait');
  expect(others).toEqual([]);
  await server.client.workflow.getHandle(first).terminate();
  await expect.poll(async () => (await runsOf('wait')).length, PATIENCE).toBe(2);
  for (const schedule of schedules.values()) {
    const runs = await started(schedule);
    await schedule.delete();
    // Those that have ended refuse.
    for (const run of runs)
      await server.client.workflow
        .getHandle(run)
        .terminate()
        .catch(() => undefined);
  }
});
