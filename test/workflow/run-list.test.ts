import type { SearchAttributePair } from '@temporalio/common';
import path from 'node:path';
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { statusTable } from '../../cli/view/stages.ts';
import type { RunState } from '../../plan/messages.ts';
import { CONTROL_QUEUE } from '../../plan/names.ts';
import { listRuns } from '../../runs/list.ts';
import type { ListedRun } from '../../runs/list.ts';
import { readRun } from '../../runs/run.ts';
import { registerAttributes } from '../../workers/search.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { asked, planOf } from '../support/pipeline-server.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

const server = withPipelineServer(plainActivities);

async function listed(root: string, id: string): Promise<ListedRun | undefined> {
  const runs = await listRuns({ client: server.client, root, cache: path.join(root, '.cache') });
  return runs.find((run) => run.id === id);
}

test('a run is listed with what it waits for: an epoch, a parked stage, a worker, somebody who lets it go on', async () => {
  const root = temporaryFolder();
  const asking = planOf(
    { id: 'a', uses: 'epochs', select: asked },
    { id: 'b', uses: 'brittle', with: { fails: 9 }, matrix: [{ part: 1 }, { part: 2 }] },
  );
  const run = await server.start(asking);
  await run.until(({ state }) => state === 'waiting');
  expect(await listed(root, asking.id)).toMatchObject({
    state: 'waiting',
    waits: [
      { for: 'epoch', stage: 'a' },
      { for: 'parked stage', stage: 'b.1' },
      { for: 'parked stage', stage: 'b.2' },
    ],
    endedAt: null,
    results: null,
  });

  const queued = planOf({ id: 'a', uses: 'echo', queue: 'nobody' });
  const lonely = await server.start(queued);
  await lonely.untilStage('a', 'running');
  expect(await listed(root, queued.id)).toMatchObject({ state: 'running', waits: [{ for: 'worker', stage: 'a' }] });
  await lonely.handle.signal('pause');
  await lonely.until(({ state }) => state === 'paused');
  expect((await listed(root, queued.id))?.waits).toContainEqual({ for: 'resume', stage: null });
  await lonely.handle.terminate();
  await run.handle.terminate();
  await expect.poll(async () => (await listed(root, queued.id))?.state).toBe('failed');
});

test.each(['cancelled', 'failed'] as const)(
  'of a run that is %s, by an order or by force, no stage is at work and nobody is asked',
  async (ending) => {
    const run = await server.start(
      planOf(
        { id: 'done', uses: 'echo' },
        { id: 'asking', uses: 'epochs', select: asked },
        { id: 'parked', uses: 'brittle', with: { fails: 9 }, matrix: [{ part: 1 }] },
        { id: 'running', uses: 'endless', work: 'heavy' },
        { id: 'next', uses: 'echo', needs: ['running'] },
      ),
    );
    const id = run.handle.workflowId;
    await run.untilStage('asking', 'selecting');
    await run.untilStage('parked', 'parked');
    await run.untilStage('running', 'running');
    expect(statusTable(await readRun(server.client, id))).toContain(`go on with \`nas select ${id} asking`);
    await (ending === 'cancelled' ? run.handle.cancel() : run.handle.terminate());
    await run.handle.result().catch(() => undefined);
    const view = await readRun(server.client, id);
    expect(view.status.state).toBe(ending);
    expect(view.status.stages.map(({ state }) => state)).toEqual(['done', 'stopped', 'stopped', 'stopped', 'waiting']);
    expect(statusTable(view)).not.toContain('nas ');
  },
);

test('a run whose worker is gone waits for one', async () => {
  const root = temporaryFolder();
  const { client } = server;
  await client.workflow.start('pipeline', { workflowId: 'deserted', taskQueue: 'deserted', args: [] });
  await expect
    .poll(async () => await listed(root, 'deserted'))
    .toMatchObject({ state: 'running', waits: [{ for: 'worker', stage: null }] });
  await client.workflow.getHandle('deserted').terminate();
});

const stateValue = (value: RunState) => ({ key: { name: 'NasState', type: 'KEYWORD' }, value }) as const;

test('what the server keeps of a run is listed though no worker is there to be asked', async () => {
  const root = temporaryFolder();
  const { client } = server;
  await registerAttributes(client);
  const start = async (id: string, ...typedSearchAttributes: SearchAttributePair[]) =>
    await client.workflow.start('pipeline', { workflowId: id, taskQueue: 'deserted', args: [], typedSearchAttributes });
  const asking = {
    key: { name: 'NasWaitsFor', type: 'KEYWORD_LIST' as const },
    value: ['epoch'],
  } satisfies SearchAttributePair;
  const began = [await start('at-work', stateValue('running')), await start('asking', stateValue('waiting'), asking)];
  const waits = [{ for: 'worker', stage: null }];
  await expect.poll(async () => await listed(root, 'at-work')).toMatchObject({ state: 'running', waits });
  await expect.poll(async () => await listed(root, 'asking')).toMatchObject({ state: 'waiting', waits });
  for (const handle of began) await handle.terminate();
});

test('a sub-pipeline is part of its run, and no run in the list', async () => {
  const root = temporaryFolder();
  const inner = planOf({ id: 'a', uses: 'echo' });
  const plan = planOf({ id: 'sub', uses: 'pipeline', plan: inner, work: 'light', queue: CONTROL_QUEUE });
  await (await server.start(plan)).handle.result();
  await expect.poll(async () => (await listed(root, plan.id))?.state).toBe('done');
  expect(await listed(root, `${plan.id}.sub`)).toBeUndefined();
});

test('results of a run that the server does not know are listed, and read again only when something has changed', async () => {
  const root = temporaryFolder();
  const file = { file: 'old/one/weights', sha256: '0'.repeat(64) };
  await finishedStage(root, 'old/one', 'command', { outputs: { file } });
  writeFileSync(path.join(root, file.file), Buffer.alloc(1_000_000));
  const first = await listed(root, 'old');
  expect(first).toMatchObject({
    state: 'unknown',
    waits: [],
    results: { stages: { begun: 1, done: 1 }, bestTau: null },
  });
  expect(first?.results?.bytes).toBeGreaterThan(1_000_000);
  expect(first?.startedAt).toBeGreaterThan(Date.now() - 60_000);

  // All its folders have been still for long: what is changed behind their back is not seen.
  const longAgo = new Date(Date.now() - 60_000);
  for (const folder of ['', 'one', 'one/.pending']) utimesSync(path.join(root, 'old', folder), longAgo, longAgo);
  await listed(root, 'old');
  writeFileSync(path.join(root, file.file), '');
  expect((await listed(root, 'old'))?.results?.bytes).toBeGreaterThan(1_000_000);
  await finishedStage(root, 'old/two', 'command', {});
  const second = await listed(root, 'old');
  expect(second).toMatchObject({ results: { stages: { begun: 2, done: 2 } } });
  expect(second?.results?.bytes).toBeGreaterThan(1_000_000);
  writeFileSync(path.join(root, 'old/one/another'), '');
  expect((await listed(root, 'old'))?.results?.bytes).toBeLessThan(1_000_000);
  mkdirSync(path.join(root, 'empty'));
  expect(await listed(root, 'empty')).toBeUndefined();
});
