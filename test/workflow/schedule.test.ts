import type { ScheduleHandle } from '@temporalio/client';
import { expect, test } from 'vitest';
import { createSchedule } from '../../cli/schedule.ts';
import { asked, planOf, TestRun } from '../support/pipeline-server.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

const server = withPipelineServer(plainActivities);
const PATIENCE = { timeout: 20_000 };

async function started(schedule: ScheduleHandle): Promise<string[]> {
  const { info } = await schedule.describe();
  return info.recentActions.map(({ action }) => action.workflow.workflowId);
}

const runOf = (id: string): TestRun => new TestRun(server.client.workflow.getHandle(id));

test('each run of a schedule has an id of its own, under which its results lie', async () => {
  const plan = planOf({ id: 'a', uses: 'echo' });
  const schedule = await createSchedule(server.client, plan, {}, 'side-by-side');
  await schedule.trigger();
  await expect.poll(async () => (await started(schedule)).length, PATIENCE).toBe(1);
  const [id = ''] = await started(schedule);
  expect(id).toMatch(new RegExp(`^${plan.id}-20\\d\\d-[\\dT:-]+Z$`));
  const run = runOf(id);
  await run.until(({ state }) => state === 'done');
  const status = await run.status();
  expect(status.id).toBe(id);
  expect(status.stages[0]?.outputs).toMatchObject({ directory: `${id}/a` });
  await schedule.delete();
});

// Ids have seconds, so two runs of one schedule cannot be started within one.
test('a run that is due while the one before is at work is left out, waits for it, ends it, or starts beside it, as the schedule says', async () => {
  const schedules = new Map<string, ScheduleHandle>();
  for (const rule of ['skip', 'wait', 'cancel', 'side-by-side'] as const) {
    schedules.set(
      rule,
      await createSchedule(server.client, planOf({ id: 'a', uses: 'epochs', select: asked }), {}, rule),
    );
  }
  const all = [...schedules.values()];
  const countsAre = async (count: (rule: string) => number): Promise<void> => {
    for (const [rule, schedule] of schedules) {
      await expect.poll(async () => [rule, (await started(schedule)).length], PATIENCE).toEqual([rule, count(rule)]);
    }
  };
  for (const schedule of all) await schedule.trigger();
  await countsAre(() => 1);
  for (const schedule of all) await runOf((await started(schedule))[0]!).until(({ state }) => state === 'waiting');
  await new Promise((resolve) => setTimeout(resolve, 1100));
  for (const schedule of all) await schedule.trigger();
  await countsAre((rule) => (rule === 'side-by-side' || rule === 'cancel' ? 2 : 1));
  expect((await schedules.get('skip')!.describe()).info.numActionsSkippedOverlap).toBe(1);
  const first = async (rule: string): Promise<string> => {
    const [id = ''] = await started(schedules.get(rule)!);
    return (await server.client.workflow.getHandle(id).describe()).status.name;
  };
  await expect.poll(async () => await first('cancel'), PATIENCE).toBe('CANCELLED');
  expect(await first('side-by-side')).toBe('RUNNING');

  // The one that waits begins when the one before has ended.
  const [id = ''] = await started(schedules.get('wait')!);
  await server.client.workflow.getHandle(id).terminate();
  await expect.poll(async () => (await started(schedules.get('wait')!)).length, PATIENCE).toBe(2);
  for (const schedule of all) {
    for (const run of await started(schedule)) {
      // Those that have ended refuse.
      await server.client.workflow
        .getHandle(run)
        .terminate()
        .catch(() => undefined);
    }
    await schedule.delete();
  }
});
