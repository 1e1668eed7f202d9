import { expect, test } from 'vitest';
import { CONTROL_QUEUE, PIPELINE } from '../../plan/names.ts';
import { asked, planOf, refused, TestRun } from '../support/pipeline-server.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';
import { startRun } from '../../workers/server.ts';
import type { Json } from '../../plan/json.ts';

const server = withPipelineServer(plainActivities);

function answer(run: TestRun, update: 'retryStage' | 'skipStage', stage: string): Promise<string[]> {
  return run.handle.executeUpdate<string[], [object]>(update, { args: [{ stage }] });
}

/** Whether the server had to ask for the same step of the workflow twice. */
async function hasFailedTasks({ handle }: TestRun): Promise<boolean> {
  const { events } = await handle.fetchHistory();
  return events?.some((event) => event.workflowTaskFailedEventAttributes != null) === true;
}

test('a failed cell parks alone, and retried with other values the stage goes on', async () => {
  const run = await server.start(
    planOf(
      {
        id: 'cells',
        uses: 'brittle',
        matrix: [
          { part: 1, fails: 0 },
          { part: 2, fails: 1 },
        ],
        with: { fails: '${{ matrix.fails }}', value: 'old' },
      },
      { id: 'after', uses: 'echo', needs: ['cells'], with: { value: '${{ stages.cells.value }}' } },
      { id: 'beside', uses: 'echo' },
    ),
  );
  await run.until(({ state }) => state === 'waiting');
  expect(await run.stage('cells')).toMatchObject({
    state: 'parked',
    error: 'cells.2: Crashed: failure 1',
    cells: { done: 1, reused: 0, total: 2, parked: ['cells.2'] },
  });
  expect(await run.states()).toMatchObject({ after: 'waiting', beside: 'done' });
  expect((await run.status()).state).toBe('waiting');
  const retry = (set?: Record<string, string>) =>
    run.handle.executeUpdate<string[], [object]>('retryStage', { args: [{ stage: 'cells.2', ...(set && { set }) }] });
  await expect(retry({ nothing: 'x' })).rejects.toMatchObject(
    refused("retryStage cells.2: set.nothing: expected a key of the stage's with (fails, value)"),
  );
  expect(await retry({ value: 'new' })).toEqual(['cells.2']);
  const { outputs } = await run.handle.result();
  expect(outputs).toMatchObject({ after: { value: ['old', 'new'] } });
});

test('a parked stage can be skipped, and aborted the run fails after its other branches', async () => {
  const stages = [
    { id: 'broken', uses: 'brittle', with: { fails: 9 } },
    { id: 'after', uses: 'echo', needs: ['broken'] },
  ];
  const skipped = await server.start(planOf(...stages));
  await skipped.untilStage('broken', 'parked');
  expect(await skipped.handle.executeUpdate('skipStage', { args: [{ stage: 'broken' }] })).toEqual(['broken']);
  await skipped.handle.result();
  expect(await skipped.states()).toEqual({ broken: 'skipped', after: 'skipped' });

  const aborted = await server.start(planOf(...stages, { id: 'beside', uses: 'echo', with: { ms: 300 } }));
  await aborted.untilStage('broken', 'parked');
  await aborted.handle.executeUpdate('abortStage', { args: [{ stage: 'broken' }] });
  await expect(aborted.handle.result()).rejects.toMatchObject({
    cause: { type: 'StageFailed', message: `run ${aborted.handle.workflowId}: given up: broken` },
  });
  expect(await aborted.states()).toEqual({ broken: 'failed', after: 'skipped', beside: 'done' });
  expect((await aborted.status()).state).toBe('failed');
});

test('what is not parked can be neither retried, skipped nor aborted', async () => {
  const run = await server.start(
    planOf({ id: 'broken', uses: 'brittle', with: { fails: 9 } }, { id: 'fine', uses: 'echo' }),
  );
  await run.untilStage('broken', 'parked');
  await run.untilStage('fine', 'done');
  const wrong: [unknown, string][] = [
    [{ stage: 'fine' }, 'fine: expected a parked stage, got one that is done'],
    [{ stage: 'unknown' }, 'stage: expected a stage of broken, fine, got "unknown"'],
    ['broken', 'stage: expected {"stage": "<id>", …}, got "broken"'],
    [null, 'stage: expected {"stage": "<id>", …}, got null'],
  ];
  for (const name of ['retryStage', 'skipStage', 'abortStage']) {
    for (const [message, reason] of wrong) {
      const update = run.handle.executeUpdate<unknown, [unknown]>(name, { args: [message] });
      await expect(update, `${name} ${reason}`).rejects.toMatchObject(refused(reason));
    }
  }
  expect(await run.states()).toEqual({ broken: 'parked', fine: 'done' });
  await run.handle.executeUpdate('skipStage', { args: [{ stage: 'broken' }] });
  await run.handle.result();
});

test('a condition that fails parks its stage with words, a retry asks it again, and skipped the run goes on', async () => {
  const run = await server.start(
    planOf(
      { id: 'first', uses: 'echo', with: { value: { tau: 0.5 } } },
      {
        id: 'if',
        uses: 'echo',
        needs: ['first'],
        if: 'stages.first.value.taw > 0.4',
        matrix: [{ part: 1 }, { part: 2 }],
      },
      { id: 'after', uses: 'echo', needs: ['if'], if: '!failure()' },
    ),
  );
  const parked = await run.untilStage('if', 'parked');
  const why = 'if: stages.first.value.taw: there is no "taw"; there are tau';
  expect(parked.error).toBe(`if.1: ${why}\nif.2: ${why}`);
  expect(await answer(run, 'retryStage', 'if.2')).toEqual(['if.2']);
  expect((await run.untilStage('if', 'parked')).cells?.parked).toEqual(['if.1', 'if.2']);
  await answer(run, 'skipStage', 'if');
  await run.handle.result();
  expect(await run.states()).toEqual({ first: 'done', if: 'skipped', after: 'done' });
  expect(await hasFailedTasks(run)).toBe(false);
});

test('a value that only the run knows, and that is not there, parks the stage that asks for it', async () => {
  const run = await server.start(
    planOf(
      { id: 'first', uses: 'echo' },
      { id: 'last', uses: 'echo', needs: ['first'], with: { value: '${{ stages.first.file }}' } },
    ),
  );
  const { error, attempts } = await run.untilStage('last', 'parked');
  expect(error).toBe('stages.first.file: there is no "file"; there are value, directory, round');
  expect(attempts).toBe(0);
  await answer(run, 'skipStage', 'last');
  await run.handle.result();
});

test('what this code does not foresee parks the stage instead of failing the workflow task for ever', async () => {
  const plan = planOf({ id: 'odd', uses: 'echo' }, { id: 'beside', uses: 'echo' });
  // As another program might write it.
  const odd = JSON.parse(JSON.stringify(plan).replace('"directory":"odd"', '"directory":7'));
  const run = new TestRun((await startRun(server.client, odd)).handle);
  const { error } = await run.untilStage('odd', 'parked');
  expect(error).toBe('directory: expected text, got 7');
  await run.untilStage('beside', 'done');
  await answer(run, 'skipStage', 'odd');
  await run.handle.result();
  expect(await hasFailedTasks(run)).toBe(false);
});

test('a stage whose epochs are gone parks with words, and retried it is made anew', async () => {
  const run = await server.start(planOf({ id: 'train', uses: 'forgetful', select: { ...asked, wait: 'none' } }));
  const { error } = await run.untilStage('train', 'parked');
  expect(error).toBe('expected an epoch to choose from, got none: the supernets are gone; retry the stage');
  await answer(run, 'retryStage', 'train');
  await run.handle.result();
  expect(await run.stage('train')).toMatchObject({ state: 'done', epoch: 2, attempts: 2 });
  expect(await hasFailedTasks(run)).toBe(false);
});

test('where the chosen supernet is gone, a retry asks for a choice anew', async () => {
  const run = await server.start(planOf({ id: 'train', uses: 'epochs', select: asked, with: { refuses: 1 } }));
  const select = (epoch: number) => run.handle.executeUpdate('selectEpoch', { args: [{ stage: 'train', epoch }] });
  await run.untilStage('train', 'selecting');
  await select(1);
  expect((await run.untilStage('train', 'parked')).error).toContain('expected the supernet of epoch 1, got none');
  await answer(run, 'retryStage', 'train');
  await run.untilStage('train', 'selecting');
  await select(0);
  await run.handle.result();
  expect((await run.stage('train')).epoch).toBe(0);
});

test('a page that cannot be written stops nothing', async () => {
  const run = await server.start(planOf({ id: 'train', uses: 'confused' }));
  await run.handle.result();
  const { currentDetails } = await run.handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  expect(currentDetails).toMatch(/^This page could not be written: TypeError/);
  expect(await hasFailedTasks(run)).toBe(false);
});

test('an interval between attempts may be longer than the longest that is usual', async () => {
  const retry = { maximumAttempts: 2, initialIntervalMs: 600_000, backoffCoefficient: 1 };
  const run = await server.start(planOf({ id: 'patient', uses: 'echo', retry }));
  await run.handle.result();
  expect(await hasFailedTasks(run)).toBe(false);
});

test('a sub-pipeline that is cancelled by itself parks its stage and begins again only when it is retried', async () => {
  const inner = planOf({ id: 'train', uses: 'endless', work: 'heavy' });
  const run = await server.start(
    planOf({ id: 'sub', uses: 'pipeline', plan: inner }, { id: 'after', uses: 'echo', needs: ['sub'] }),
  );
  const child = new TestRun(server.client.workflow.getHandle(`${run.handle.workflowId}.sub`));
  await child.untilStage('train', 'running');
  const { runId } = await child.handle.describe();
  await child.handle.cancel();
  const { error } = await run.untilStage('sub', 'parked');
  expect(error).toBe('its own run was cancelled; retry the stage to start that again');
  const { runId: same, status } = await child.handle.describe();
  expect([same, status.name]).toEqual([runId, 'CANCELLED']);
  await answer(run, 'retryStage', 'sub');
  await run.handle.result();
  expect((await child.handle.describe()).runId).not.toBe(runId);
  expect(await run.states()).toEqual({ sub: 'done', after: 'done' });
});

test('a cancelled run cancels its sub-pipeline, and both end', async () => {
  const inner = planOf({ id: 'train', uses: 'endless', work: 'heavy' });
  const run = await server.start(planOf({ id: 'sub', uses: 'pipeline', plan: inner }));
  const child = new TestRun(server.client.workflow.getHandle(`${run.handle.workflowId}.sub`));
  await child.untilStage('train', 'running');
  await run.handle.cancel();
  await expect(run.handle.result()).rejects.toThrow('Workflow execution cancelled');
  await expect(child.handle.result()).rejects.toThrow('Workflow execution cancelled');
});

async function startWith(records: Json): Promise<TestRun> {
  const plan = planOf({ id: 'first', uses: 'echo' }, { id: 'train', uses: 'epochs', needs: ['first'], select: asked });
  const args = [plan, records];
  return new TestRun(
    await server.client.workflow.start(PIPELINE, { args, workflowId: plan.id, taskQueue: CONTROL_QUEUE }),
  );
}

test('a run that release 0.1.0 continued as new goes on where it was', async () => {
  const work = { rounds: 1, attempts: 1, chosen: null, chooseUntil: null, outputs: null, error: null, set: {} };
  const choices = [
    { key: 0, score: 0.3, interval: null },
    { key: 1, score: 0.4, interval: [0.2, 0.6] },
  ];
  const result = { outputs: null, choices: null, chosen: null, attempt: 1, reused: null };
  const run = await startWith({
    stages: [
      { id: 'first', works: [{ id: 'first', ...work, state: 'done', result, outputs: { value: 'old' } }] },
      { id: 'train', works: [{ id: 'train', ...work, state: 'selecting', result: { ...result, choices } }] },
    ],
    paused: false,
    notices: [],
  });
  expect(await run.untilStage('train', 'selecting')).toMatchObject({ epoch: 1, tau: 0.4, interval: [0.2, 0.6] });
  await run.handle.executeUpdate('selectEpoch', { args: [{ stage: 'train', epoch: 0 }] });
  const { outputs } = await run.handle.result();
  expect(outputs).toMatchObject({ first: { value: 'old' }, train: { selected: { epoch: 0 } } });
});

test('records of a release that is not known are refused with words', async () => {
  const run = await startWith({ version: 2, stages: [], paused: false, notices: [] });
  await expect(run.handle.result()).rejects.toMatchObject({
    cause: { message: expect.stringMatching(/expected records of version 1, got 2; run the workers of the release/) },
  });
});
