import { expect, test } from 'vitest';
import { asked, planOf, TestRun } from '../support/pipeline-server.ts';
import { heldActivities, isAtWork, tell } from '../support/held-activities.ts';
import { callsOf, plainActivities } from '../support/plain-activities.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';
import { startRun } from '../../workers/server.ts';

// Histories are called long early, so that one test sees it.
const server = withPipelineServer({ ...heldActivities, ...plainActivities }, [
  '--dynamic-config-value',
  'limit.historyCount.suggestContinueAsNew=150',
]);

test('stages run after what they need, and independent ones side by side', async () => {
  const run = await server.start(
    planOf(
      { id: 'first', uses: 'echo' },
      { id: 'left', needs: ['first'], uses: 'echo', with: { beside: 'right' } },
      { id: 'right', needs: ['first'], uses: 'echo', with: { beside: 'left' } },
      { id: 'last', needs: ['left', 'right'], uses: 'echo' },
    ),
  );
  await run.handle.result();
  const calls = callsOf(run.handle.workflowId);
  expect(calls.slice(0, 2)).toEqual(['begin first', 'end first']);
  expect(calls.slice(2, 4).toSorted()).toEqual(['begin left', 'begin right']);
  expect(calls.slice(-2)).toEqual(['begin last', 'end last']);
  expect((await run.status()).state).toBe('done');
});

test('a stage sees the outputs of stages, params and its cell; a matrix stage gives lists', async () => {
  const plan = planOf(
    {
      id: 'parts',
      uses: 'echo',
      matrix: [{ part: 1 }, { part: 2 }, { part: 3 }],
      with: { value: 'part ${{ matrix.part }} of ${{ params.all }}' },
    },
    { id: 'whole', uses: 'echo', needs: ['parts'], with: { value: '${{ stages.parts.value }}' } },
  );
  const run = await server.start({ ...plan, params: { all: 3 } });
  const { outputs } = await run.handle.result();
  expect(outputs).toMatchObject({
    whole: { value: ['part 1 of 3', 'part 2 of 3', 'part 3 of 3'], directory: `${plan.id}/whole` },
    parts: { directory: [1, 2, 3].map((part) => `${plan.id}/parts/${part}`) },
  });
  expect((await run.stage('parts')).cells).toEqual({ done: 3, reused: 0, total: 3, parked: [] });
});

test('a stage whose condition does not hold is skipped, and so is what needs it', async () => {
  const run = await server.start(
    planOf(
      { id: 'skipped', uses: 'echo', if: '1 > 2' },
      { id: 'after', uses: 'echo', needs: ['skipped'] },
      {
        id: 'anyway',
        uses: 'echo',
        needs: ['skipped'],
        if: '!failure()',
        with: { value: '${{ stages.skipped.value }}' },
      },
    ),
  );
  const { outputs } = await run.handle.result();
  expect(await run.states()).toEqual({ skipped: 'skipped', after: 'skipped', anyway: 'done' });
  expect(outputs).toMatchObject({ skipped: null, after: null, anyway: { value: null } });
});

test('pause stops heavy work and starts nothing, resume goes on in a new round', async () => {
  const run = await server.start(
    planOf({ id: 'train', uses: 'endless', work: 'heavy' }, { id: 'after', uses: 'echo', needs: ['train'] }),
  );
  await run.untilStage('train', 'running');
  await run.handle.signal('pause');
  await run.untilStage('train', 'paused');
  expect((await run.status()).state).toBe('paused');
  await run.handle.signal('resume');
  const { outputs } = await run.handle.result();
  expect(outputs).toMatchObject({ train: { value: 'round 2' } });
});

test('a cancelled run waits for its work to stop', async () => {
  const run = await server.start(
    planOf({ id: 'train', uses: 'endless', work: 'heavy' }, { id: 'broken', uses: 'brittle', with: { fails: 9 } }),
  );
  await run.untilStage('broken', 'parked');
  await run.handle.cancel();
  await expect(run.handle.result()).rejects.toThrow('Workflow execution cancelled');
  expect((await run.status()).state).toBe('cancelled');
  const { events } = await run.handle.fetchHistory();
  expect(events?.some((event) => event.activityTaskCanceledEventAttributes != null)).toBe(true);
});

test('starting an id twice attaches to the run, and tells another plan', async () => {
  const plan = planOf({ id: 'few-shot', uses: 'epochs', select: asked });
  const first = await startRun(server.client, plan);
  const second = await startRun(server.client, plan);
  expect([first.isNew, second.isNew, second.isSamePlan]).toEqual([true, false, true]);
  expect((await startRun(server.client, { ...plan, name: 'other' })).isSamePlan).toBe(false);
  await new TestRun(first.handle).untilStage('few-shot', 'selecting');
  await first.handle.executeUpdate('selectEpoch', { args: [{ stage: 'few-shot', epoch: 1 }] });
  await first.handle.result();
  const third = await startRun(server.client, plan);
  expect(third.isNew).toBe(false);
});

test('a long run continues as new: what is done, parked and asked stays so', { timeout: 120_000 }, async () => {
  // More than may be at work at once.
  const parts = Array.from({ length: 220 }, (_, at) => ({ part: at + 1 }));
  const run = await server.start(
    planOf(
      { id: 'evaluate', uses: 'echo', matrix: parts, with: { value: '${{ matrix.part }}' } },
      { id: 'merge', uses: 'echo', needs: ['evaluate'], with: { value: '${{ stages.evaluate.value }}' } },
      { id: 'broken', uses: 'brittle', with: { fails: 1 } },
      { id: 'few-shot', uses: 'epochs', select: asked },
    ),
  );
  const { runId } = await run.handle.describe();
  await run.untilStage('merge', 'done', 100_000);
  expect((await run.handle.describe()).runId).not.toBe(runId);
  expect(await run.states()).toEqual({ evaluate: 'done', merge: 'done', broken: 'parked', 'few-shot': 'selecting' });
  await run.handle.executeUpdate('retryStage', { args: [{ stage: 'broken' }] });
  await run.handle.executeUpdate('selectEpoch', { args: [{ stage: 'few-shot', epoch: 1 }] });
  const { outputs } = await run.handle.result();
  expect(outputs).toMatchObject({ merge: { value: parts.map(({ part }) => part) }, broken: { round: 2 } });
});

test('a run continues as new only when none of its work is under way', async () => {
  const run = await server.start(
    planOf(
      { id: 'train', uses: 'held', work: 'heavy', with: { value: 'made' } },
      { id: 'few-shot', uses: 'epochs', select: asked },
    ),
  );
  const directory = `${run.handle.workflowId}/train`;
  const { runId: first } = await run.handle.describe();
  await expect.poll(() => isAtWork(directory), { timeout: 60_000 }).toBe(true);
  await run.untilStage('few-shot', 'selecting');
  // Words that nobody understands make the history long.
  for (let length = 0; length < 200;) {
    await run.handle.signal('selectEpoch', 'nobody');
    const { runId, historyLength } = await run.handle.describe();
    expect(runId).toBe(first);
    length = historyLength;
  }
  await tell(directory, 'finish');
  await expect.poll(async () => (await run.handle.describe()).runId, { timeout: 60_000 }).not.toBe(first);
  await run.handle.executeUpdate('selectEpoch', { args: [{ stage: 'few-shot', epoch: 1 }] });
  const { outputs } = await run.handle.result();
  expect(outputs).toMatchObject({ train: { value: 'made' } });
  expect(await run.stage('train')).toMatchObject({ state: 'done', attempts: 1 });
});

test('a sub-pipeline is a stage: it gets params, and its stages give the outputs', async () => {
  const inner = planOf({ id: 'echo', uses: 'echo', with: { value: '${{ params.word }}' } });
  const run = await server.start(
    planOf(
      { id: 'first', uses: 'echo', with: { value: 'hello' } },
      {
        id: 'sub',
        uses: 'pipeline',
        needs: ['first'],
        plan: { ...inner, params: { word: '${{ stages.first.value }}' } },
      },
      { id: 'last', uses: 'echo', needs: ['sub'], with: { value: '${{ stages.sub.echo.value }}' } },
    ),
  );
  const { outputs } = await run.handle.result();
  expect(outputs).toMatchObject({ last: { value: 'hello' } });
});

test('the page of the run says how to choose and how to go on, and handlers describe themselves', async () => {
  const run = await server.start(
    planOf({ id: 'few-shot', uses: 'epochs', select: asked }, { id: 'broken', uses: 'brittle', with: { fails: 1 } }),
  );
  await run.untilStage('few-shot', 'selecting');
  await run.untilStage('broken', 'parked');
  const metadata = await run.handle.query<{ currentDetails: string; definition: object }>(
    '__temporal_workflow_metadata',
  );
  const id = run.handle.workflowId;
  // Spaces that the page keeps stand between the columns.
  const page = metadata.currentDetails.replaceAll(/\u00A0+/g, '');
  expect(page).toContain('| few-shot | selecting | 2 | 0.600 [0.500, 0.700] |');
  expect(metadata.currentDetails).toContain(`nas select ${id} few-shot 2`);
  expect(metadata.currentDetails).toContain(`temporal workflow signal --workflow-id ${id} --name selectEpoch`);
  expect(metadata.currentDetails).toContain(`nas retry ${id} broken`);
  expect(JSON.stringify(metadata.definition)).toContain('Try a parked stage again');
  await run.handle.signal('selectEpoch', { stage: 'few-shot', epoch: 2 });
  await run.handle.executeUpdate('retryStage', { args: [{ stage: 'broken' }] });
  await run.handle.result();
});

test('a pause stops the sub-pipeline too, and a resume lets it go on', async () => {
  const inner = planOf({ id: 'train', uses: 'endless', work: 'heavy' });
  const run = await server.start(planOf({ id: 'sub', uses: 'pipeline', plan: inner }));
  const child = new TestRun(server.client.workflow.getHandle(`${run.handle.workflowId}.sub`));
  await child.untilStage('train', 'running');
  await run.handle.signal('pause');
  await child.untilStage('train', 'paused');
  expect((await child.status()).state).toBe('paused');
  await run.handle.signal('resume');
  const { outputs } = await run.handle.result();
  expect(outputs).toMatchObject({ sub: { train: { value: 'round 2' } } });
  // The round that was stopped counts.
  expect((await child.stage('train')).attempts).toBe(2);
});

test('work whose worker leaves on purpose begins anew at once, and each of its attempts counts', async () => {
  const run = await server.start(planOf({ id: 'train', uses: 'held', work: 'heavy', with: { value: 'made' } }));
  const directory = `${run.handle.workflowId}/train`;
  for (const order of ['move on', 'finish'] as const) {
    await expect.poll(() => isAtWork(directory), { timeout: 60_000 }).toBe(true);
    await tell(directory, order);
  }
  const { outputs } = await run.handle.result();
  expect(outputs).toMatchObject({ train: { value: 'made' } });
  expect(await run.stage('train')).toMatchObject({ state: 'done', attempts: 2 });
});

/** When the wait of a run began and ends (ms), as its history says: a workflow's time is that of the start of its task. */
async function waitIn(id: string, runId?: string): Promise<{ began: number; ends: number }> {
  const { events } = await server.client.workflow.getHandle(id, runId).fetchHistory();
  const at = events!.findIndex(({ timerStartedEventAttributes: timer }) => timer != null);
  const task = events!.slice(0, at).findLast(({ workflowTaskStartedEventAttributes: started }) => started != null);
  const [began, lasts] = [task!.eventTime, events![at]!.timerStartedEventAttributes!.startToFireTimeout].map(
    (time) => 1000 * Number(time?.seconds) + Math.floor(Number(time?.nanos) / 1e6),
  );
  return { began: began!, ends: began! + lasts! };
}

test('the time in which a person may choose goes on where the run continues as new', async () => {
  const timeoutMs = 3_600_000;
  const run = await server.start(planOf({ id: 'few-shot', uses: 'epochs', select: { ...asked, timeoutMs } }));
  const { runId: first } = await run.handle.describe();
  await run.untilStage('few-shot', 'selecting');
  // Words that nobody understands make the history long.
  const isRenewed = async (): Promise<boolean> => {
    await Promise.all([1, 2, 3, 4].map(async () => await run.handle.signal('selectEpoch', 'nobody')));
    return (await run.handle.describe()).runId !== first;
  };
  await expect.poll(isRenewed, { timeout: 100_000 }).toBe(true);
  await run.untilStage('few-shot', 'selecting');
  const [before, now] = await Promise.all(
    [first, undefined].map(async (runId) => await waitIn(run.handle.workflowId, runId)),
  );
  expect(now!.began - before!.began).toBeGreaterThan(100);
  expect(before!.ends - before!.began).toBe(timeoutMs);
  expect(Math.abs(now!.ends - before!.ends)).toBeLessThan(5);
  await run.handle.executeUpdate('selectEpoch', { args: [{ stage: 'few-shot', epoch: 1 }] });
  await run.handle.result();
});
