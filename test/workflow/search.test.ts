import { expect, test } from 'vitest';
import { queryOf } from '../../cli/list.ts';
import { CONTROL_QUEUE } from '../../plan/names.ts';
import { searchAttributes } from '../../plan/search.ts';
import { listRuns } from '../../runs/list.ts';
import { registerAttributes } from '../../workers/search.ts';
import { asked, planOf } from '../support/pipeline-server.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

const server = withPipelineServer(plainActivities);

/** The runs that the server finds. */
async function found(conditions: Parameters<typeof queryOf>[0]): Promise<string[]> {
  const query = queryOf(conditions)!;
  const root = temporaryFolder();
  return (await listRuns({ client: server.client, root, cache: root, query })).map(({ id }) => id);
}

test('on a server without search attributes a run goes its way without them, and goes on after they are there', async () => {
  const without = await server.start(planOf({ id: 'a', uses: 'epochs', select: asked }));
  await without.untilStage('a', 'selecting');
  expect(await registerAttributes(server.client)).toEqual(Object.keys(searchAttributes));
  expect(await registerAttributes(server.client)).toEqual([]);
  await without.handle.executeUpdate('selectEpoch', { args: [{ stage: 'a', epoch: 1 }] });
  await without.handle.result();
  const { typedSearchAttributes } = await without.handle.describe();
  expect(typedSearchAttributes.getAll().filter(({ key }) => Object.hasOwn(searchAttributes, key.name))).toEqual([]);
});

test('runs are found by pipeline, state, stage, best tau and what they wait for, as these change', async () => {
  await registerAttributes(server.client);
  const plan = {
    ...planOf(
      { id: 'trained', uses: 'epochs', select: asked },
      { id: 'broken', uses: 'brittle', with: { fails: 1 } },
      { id: 'after', uses: 'echo', needs: ['broken', 'trained'] },
    ),
    name: "l'été",
  };
  const run = await server.start(plan);
  const { pipeline } = { pipeline: plan.name };
  await run.until(({ state }) => state === 'waiting');
  for (const conditions of [
    { waitsFor: 'epoch' },
    { waitsFor: 'parked stage' },
    { stage: 'trained' },
    { stage: 'broken' },
    { query: "NasState = 'waiting'" },
  ] as const) {
    await expect.poll(async () => await found({ pipeline, ...conditions }), { timeout: 20_000 }).toEqual([plan.id]);
  }
  expect(await found({ pipeline, stage: 'after' })).toEqual([]);
  expect(await found({ pipeline, minTau: -1 })).toEqual([]);

  await run.handle.executeUpdate('selectEpoch', { args: [{ stage: 'trained', epoch: 1 }] });
  await run.handle.executeUpdate('retryStage', { args: [{ stage: 'broken' }] });
  await run.handle.result();
  const { tau } = await run.stage('trained');
  await expect
    .poll(async () => await found({ pipeline, query: "NasState = 'done'" }), { timeout: 20_000 })
    .toEqual([plan.id]);
  expect(await found({ pipeline, minTau: tau! })).toEqual([plan.id]);
  expect(await found({ pipeline, minTau: tau! + 0.001 })).toEqual([]);
  for (const waitsFor of ['epoch', 'parked stage', 'resume'] as const)
    expect(await found({ pipeline, waitsFor })).toEqual([]);
});

test('a sub-pipeline is found under its own name, and by where it is', async () => {
  await registerAttributes(server.client);
  const inner = { ...planOf({ id: 'inner', uses: 'brittle', with: { fails: 9 } }), name: 'below' };
  const plan = planOf({ id: 'sub', uses: 'pipeline', plan: inner, work: 'light', queue: CONTROL_QUEUE });
  const run = await server.start(plan);
  const waiting = async (): Promise<number> =>
    (await server.client.workflow.count("NasPipeline = 'below' AND NasWaitsFor = 'parked stage'")).count;
  await expect.poll(waiting, { timeout: 30_000 }).toBe(1);
  await run.handle.cancel();
});
