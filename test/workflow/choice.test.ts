import { expect, test } from 'vitest';
import { plainActivities } from '../support/plain-activities.ts';
import { asked, planOf, refused } from '../support/pipeline-server.ts';
import type { TestRun } from '../support/pipeline-server.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

// How the epoch that a stage passes on is chosen: by a rule, or by people.

const server = withPipelineServer(plainActivities);

async function select({ handle }: TestRun, message: object): Promise<unknown> {
  return await handle.executeUpdate<unknown, [object]>('selectEpoch', { args: [message] });
}

test('the rule chooses at once: the latest of the best epochs, or the first of them', async () => {
  const run = await server.start(
    planOf(
      { id: 'latest', uses: 'epochs', select: { ...asked, wait: 'none' } },
      { id: 'first', uses: 'epochs', select: { ...asked, rule: 'max', wait: 'none' } },
    ),
  );
  await run.handle.result();
  const [interval, tau] = [[0.5, 0.7], 0.6];
  expect(await run.stage('latest')).toMatchObject({
    epoch: 2,
    tau,
    interval,
    supernet: expect.stringMatching(/2\.safetensors$/),
  });
  expect(await run.stage('first')).toMatchObject({ epoch: 1, outputs: { selected: { by: 'rule', who: 'max' } } });
});

test('a person chooses by update; an epoch that does not exist is refused and says which do', async () => {
  const run = await server.start(planOf({ id: 'few-shot', uses: 'epochs', select: asked }));
  expect((await run.untilStage('few-shot', 'selecting')).choices).toHaveLength(3);
  const choose = async (epoch: unknown) => await select(run, { stage: 'few-shot', epoch, who: 'ada' });
  const known = 'selectEpoch few-shot: expected an epoch of 0, 1, 2, got';
  await expect(choose(7)).rejects.toMatchObject(refused(`${known} 7`));
  await expect(choose('1')).rejects.toMatchObject(refused(`${known} "1"`));
  expect(await choose(1)).toMatchObject({ epoch: 1, tau: 0.6 });
  await run.handle.result();
  expect(await run.stage('few-shot')).toMatchObject({ epoch: 1, outputs: { selected: { by: 'person', who: 'ada' } } });
});

test('a person chooses by signal; bad signals are noted and harm nothing', async () => {
  const run = await server.start(planOf({ id: 'few-shot', uses: 'epochs', select: asked }));
  await run.untilStage('few-shot', 'selecting');
  const noStage = 'selectEpoch: expected {"stage": "<id>", …}, got';
  const bad: [unknown, string][] = [
    [{ stage: 'few-shot', epoch: 9 }, 'selectEpoch few-shot: expected an epoch of 0, 1, 2, got 9'],
    [{ stage: 'none', epoch: 1 }, 'selectEpoch: expected a stage of few-shot, got "none"'],
    ['text', `${noStage} "text"`],
    [3, `${noStage} 3`],
    [null, `${noStage} null`],
    [[1], `${noStage} [1]`],
    [{ epoch: 1 }, `${noStage} {"epoch":1}`],
    ['x'.repeat(200), `${noStage} "${'x'.repeat(99)}`],
    [{ stage: 'y'.repeat(200) }, `selectEpoch: expected a stage of few-shot, got "${'y'.repeat(100)}"`],
  ];
  for (const [message] of bad) await run.handle.signal('selectEpoch', message);
  const { notices } = await run.until((status) => status.notices.length === bad.length);
  expect(notices).toEqual(bad.map(([, reason]) => reason));
  await run.handle.signal('selectEpoch', { stage: 'few-shot', epoch: 0 });
  await run.handle.result();
  expect((await run.stage('few-shot')).epoch).toBe(0);
});

test('where nobody chooses in time, the rule does', async () => {
  const run = await server.start(planOf({ id: 'few-shot', uses: 'epochs', select: { ...asked, timeoutMs: 300 } }));
  await run.handle.result();
  expect(await run.stage('few-shot')).toMatchObject({ epoch: 2, outputs: { selected: { by: 'rule' } } });
});

test('one choice is taken: while it waits for its turn no other is, and what waits for none takes none', async () => {
  const run = await server.start(
    planOf({ id: 'few-shot', uses: 'epochs', select: asked }, { id: 'done', uses: 'echo' }),
  );
  await run.untilStage('few-shot', 'selecting');
  await run.untilStage('done', 'done');
  await run.handle.signal('pause');
  await run.until(({ state }) => state === 'paused');
  await select(run, { stage: 'few-shot', epoch: 1, why: 'it is smaller' });
  const expected = 'expected a stage that waits for a choice, got one';
  await expect(select(run, { stage: 'few-shot', epoch: 0 })).rejects.toMatchObject(
    refused(`selectEpoch few-shot: ${expected} with epoch 1 chosen already`),
  );
  await expect(select(run, { stage: 'done', epoch: 0 })).rejects.toMatchObject(
    refused(`selectEpoch done: ${expected} that is done`),
  );
  await run.handle.signal('resume');
  await run.handle.result();
  const selected = { epoch: 1, by: 'person', who: 'a person', why: 'it is smaller' };
  expect((await run.stage('few-shot')).outputs).toMatchObject({ selected });
});

test('a choice that could not be written down is not asked for again, and the work is not done again', async () => {
  const run = await server.start(planOf({ id: 'train', uses: 'epochs', select: asked, with: { breaks: 1 } }));
  await run.untilStage('train', 'selecting');
  await select(run, { stage: 'train', epoch: 0, who: 'ada' });
  expect((await run.untilStage('train', 'parked')).error).toBe('Crashed: the disk is full');
  await run.handle.executeUpdate('retryStage', { args: [{ stage: 'train' }] });
  await run.handle.result();
  expect(await run.stage('train')).toMatchObject({ epoch: 0, outputs: { selected: { who: 'ada' } } });
  const { events } = await run.handle.fetchHistory();
  const types = events!.map((event) => event.activityTaskScheduledEventAttributes?.activityType?.name);
  expect(types.filter(Boolean)).toEqual(['epochs', 'select-epoch', 'select-epoch']);
});

test('values that a retry sets are those that the choice is written down with, of work that is done anew', async () => {
  const run = await server.start(planOf({ id: 'train', uses: 'epochs', select: asked, with: { refuses: 1 } }));
  await run.untilStage('train', 'selecting');
  await select(run, { stage: 'train', epoch: 1 });
  await run.untilStage('train', 'parked');
  await run.handle.executeUpdate('retryStage', { args: [{ stage: 'train', set: { refuses: 0 } }] });
  await run.untilStage('train', 'selecting');
  await select(run, { stage: 'train', epoch: 1 });
  await run.handle.result();
  expect(await run.stage('train')).toMatchObject({ state: 'done', epoch: 1 });
});

test('what a person chose in an earlier run of the same work is not asked again', async () => {
  const run = await server.start(planOf({ id: 'train', uses: 'chosen-before', select: asked }));
  await run.handle.result();
  expect(await run.stage('train')).toMatchObject({ epoch: 0, outputs: { selected: { by: 'person', who: 'bob' } } });
});

test('a run that is cancelled while a choice waits for its turn ends with the stage as it was', async () => {
  const run = await server.start(planOf({ id: 'few-shot', uses: 'epochs', select: asked }));
  await run.untilStage('few-shot', 'selecting');
  await run.handle.signal('pause');
  await run.until(({ state }) => state === 'paused');
  await select(run, { stage: 'few-shot', epoch: 1 });
  await run.handle.cancel();
  await expect(run.handle.result()).rejects.toThrow('Workflow execution cancelled');
  expect(await run.states()).toEqual({ 'few-shot': 'selecting' });
});
