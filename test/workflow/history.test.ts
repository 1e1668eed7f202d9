import { defaultPayloadConverter } from '@temporalio/common';
import { expect, test } from 'vitest';
import { endsForGood } from '../../plan/endings.ts';
import type { Plan } from '../../plan/plan.ts';
import type { EndedWork } from '../../plan/spans.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { asked, planOf } from '../support/pipeline-server.ts';
import type { TestRun } from '../support/pipeline-server.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

// What the interpreter asks of the server, as a history has it, and what it tells whoever traces runs.

const told: { readonly run: string; readonly work: EndedWork }[] = [];
const server = withPipelineServer(plainActivities, [], {
  spans: { ended: { fn: ({ workflowId: run }, work: EndedWork) => void told.push({ run, work }) } },
});

/** What was told of a run, once it is so much. */
async function toldOf({ handle }: TestRun, count: number): Promise<EndedWork[]> {
  const works = (): EndedWork[] => told.filter(({ run }) => run === handle.workflowId).map(({ work }) => work);
  await expect.poll(() => works().length, { timeout: 60_000 }).toBe(count);
  return works();
}

const seconds = (count: number): object => ({ seconds: expect.toSatisfy((value) => Number(value) === count) });

/** Each activity and sub-pipeline that a run began, beside the words on its bar in the timeline. */
async function begunBy({ handle }: TestRun): Promise<readonly { readonly words: unknown; readonly asked: unknown }[]> {
  const { events } = await handle.fetchHistory();
  return events!.flatMap((event) => {
    const begun =
      event.activityTaskScheduledEventAttributes ?? event.startChildWorkflowExecutionInitiatedEventAttributes;
    if (begun == null) return [];
    const { summary } = event.userMetadata ?? {};
    return [{ words: summary == null ? null : defaultPayloadConverter.fromPayload(summary), asked: begun }];
  });
}

test('work has the words, the limits and the priority of its stage in the history, and so has the choice of an epoch', async () => {
  const plan: Plan = {
    ...planOf({
      id: 'train',
      uses: 'epochs',
      with: { epochs: 12, groups: 3 },
      select: asked,
      retry: { maximumAttempts: 4, initialIntervalMs: 2000, backoffCoefficient: 3 },
      timeout: { startToCloseMs: 50_000, heartbeatMs: 7000 },
    }),
    priority: { priorityKey: 2, fairnessKey: 'team', fairnessWeight: 3 },
  };
  const run = await server.start(plan);
  await run.untilStage('train', 'selecting');
  await run.handle.executeUpdate('selectEpoch', { args: [{ stage: 'train', epoch: 1, who: 'ada' }] });
  await run.handle.result();
  const common = { heartbeatTimeout: seconds(7), priority: plan.priority };
  expect(await begunBy(run)).toMatchObject([
    {
      words: 'train · 12 epochs · K=3',
      asked: {
        ...common,
        activityId: 'train',
        activityType: { name: 'epochs' },
        taskQueue: { name: 'control' },
        startToCloseTimeout: seconds(50),
        retryPolicy: {
          initialInterval: seconds(2),
          backoffCoefficient: 3,
          maximumInterval: seconds(300),
          // The activity counts for itself which attempts saved nothing.
          maximumAttempts: 0,
          nonRetryableErrorTypes: [...endsForGood, 'NotFoundError'],
        },
      },
    },
    {
      words: 'train · epoch 1 · ada',
      asked: {
        ...common,
        activityId: 'select:train',
        activityType: { name: 'select-epoch' },
        taskQueue: { name: 'control' },
        startToCloseTimeout: seconds(600),
        retryPolicy: { maximumAttempts: 5, nonRetryableErrorTypes: [...endsForGood] },
      },
    },
  ]);
});

test('light work without a limit has to be heard of within half a minute, and without a priority it has none', async () => {
  const timeout = { startToCloseMs: 50_000, heartbeatMs: null };
  const run = await server.start(planOf({ id: 'a', uses: 'echo', timeout, matrix: [{ part: 1 }] }));
  await run.handle.result();
  const [work] = await begunBy(run);
  expect(work).toMatchObject({ words: 'a.1 · part=1', asked: { activityId: 'a.1', heartbeatTimeout: seconds(30) } });
  expect(work?.asked).not.toMatchObject({ priority: { priorityKey: expect.toSatisfy((key) => key > 0) } });
});

test('a further round says so in its id, and a sub-pipeline whose part it is', async () => {
  const inner = planOf({ id: 'inner', uses: 'echo' });
  const run = await server.start(
    planOf({ id: 'twice', uses: 'brittle', with: { fails: 1 } }, { id: 'sub', uses: 'pipeline', plan: inner }),
  );
  await run.untilStage('twice', 'parked');
  await run.handle.executeUpdate('retryStage', { args: [{ stage: 'twice' }] });
  await run.handle.result();
  const begun = await begunBy(run);
  expect(begun).toHaveLength(3);
  expect(begun).toEqual(
    expect.arrayContaining([
      { words: 'twice', asked: expect.objectContaining({ activityId: 'twice' }) },
      { words: 'twice', asked: expect.objectContaining({ activityId: 'twice~2' }) },
      {
        words: `test, a part of ${run.handle.workflowId}`,
        asked: expect.objectContaining({ workflowId: `${run.handle.workflowId}.sub`, searchAttributes: null }),
      },
    ]),
  );
});

test('whoever traces runs is told once of each stage that began and has ended, and of the run', async () => {
  const before = Date.now();
  const run = await server.start(
    planOf(
      { id: 'twice', uses: 'brittle', with: { fails: 1 } },
      { id: 'given-up', uses: 'brittle', with: { fails: 9 } },
      { id: 'never', uses: 'echo', if: 'failure()', needs: ['twice'] },
    ),
  );
  await run.untilStage('twice', 'parked');
  await run.untilStage('given-up', 'parked');
  await run.handle.executeUpdate('retryStage', { args: [{ stage: 'twice' }] });
  await run.untilStage('twice', 'done');
  await run.handle.executeUpdate('abortStage', { args: [{ stage: 'given-up' }] });
  await expect(run.handle.result()).rejects.toThrow();
  const within = expect.toSatisfy((time: number) => time > before - 1000 && time <= Date.now() + 1000);
  const times = { began: within, ended: within };
  const ended = await toldOf(run, 3);
  expect(ended).toEqual([
    { stage: 'twice', ...times, ending: 'done', attempts: 2, error: null },
    { stage: 'given-up', ...times, ending: 'failed', attempts: 1, error: 'Crashed: failure 1' },
    { stage: null, ...times, ending: 'failed', attempts: 0, error: 'given up: given-up' },
  ]);
  for (const work of ended) expect(work.ended).toBeGreaterThanOrEqual(work.began);
});

test('a stage whose result was there is told of as reused, and a cancelled run as that', async () => {
  const run = await server.start(
    planOf({ id: 'taken', uses: 'reused' }, { id: 'train', uses: 'endless', work: 'heavy', needs: ['taken'] }),
  );
  await run.untilStage('train', 'running');
  expect(await run.stage('taken')).toMatchObject({ state: 'reused' });
  await run.handle.cancel();
  await expect(run.handle.result()).rejects.toThrow();
  expect(await toldOf(run, 2)).toMatchObject([
    { stage: 'taken', ending: 'reused' },
    { stage: null, ending: 'cancelled', error: null },
  ]);
});
