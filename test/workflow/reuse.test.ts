import path from 'node:path';
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { unlimited } from '../../activities/permissions.ts';
import { lightActivities } from '../../activities/stages.ts';
import { performStage } from '../../activities/attempt.ts';
import { runTrainer } from '../../activities/trainer.ts';
import { readManifest } from '../../artifacts/results.ts';
import { forecast } from '../../cli/forecast.ts';
import type { Plan, PlanReuse } from '../../plan/plan.ts';
import type { StageInput } from '../../plan/results.ts';
import { planOf } from '../support/pipeline-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/training-configs.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';
import type { JsonObject } from '../../plan/json.ts';

const fixture = 'test/support/fixture-trainer.ts';
const trainer = {
  taskQueue: 'gpu',
  activities: {
    'train-supernet': (input: StageInput) => performStage(input, (attempt) => runTrainer(attempt, fixture)),
  },
};
const server = withPipelineServer(lightActivities(unlimited));

let stop = async (): Promise<void> => undefined;
beforeAll(async () => void (stop = await server.work(trainer)));
afterAll(async () => await stop());

let root = '';
beforeEach(() => {
  root = temporaryFolder();
  process.env['NAS_RESULTS'] = root;
});

function config(epochs: number): JsonObject {
  return JSON.parse(JSON.stringify(tinySupernet({ epochs })));
}

/** A one-shot supernet, and where asked for one that inherits from it. */
function ladder(epochs: { oneShot: number; fewShot?: number }, reuse?: PlanReuse): Plan {
  const heavy = { uses: 'train-supernet', queue: 'gpu', work: 'heavy' } as const;
  const inherit = '${{ stages.one-shot.selected }}';
  const plan = planOf(
    { id: 'one-shot', ...heavy, with: config(epochs.oneShot) },
    ...(epochs.fewShot === undefined
      ? []
      : [{ id: 'two', ...heavy, needs: ['one-shot'], with: { ...config(epochs.fewShot), groups: 2, inherit } }]),
  );
  return reuse === undefined ? plan : { ...plan, reuse };
}

async function run(plan: Plan) {
  const started = await server.start(plan);
  await started.handle.result();
  return (await started.status()).stages;
}

const small = { oneShot: 1, fewShot: 1 };

test(
  'a new run takes over whatever any run has done, and a changed stage runs anew with what needs it',
  { timeout: 180_000 },
  async () => {
    const first = ladder(small);
    expect(await forecast(first, root)).toEqual([]);
    await run(first);

    const same = ladder(small);
    const because = 'because inputs, config and code are the same';
    const why = (stage: string): string => `reused from ${first.id}/${stage}, ${because}`;
    expect(await forecast(same, root)).toEqual([
      { stage: 'one-shot', will: 'be reused', why: why('one-shot'), cells: { 'be reused': 1 } },
      { stage: 'two', will: 'be reused', why: why('two'), cells: { 'be reused': 1 } },
    ]);
    expect(await run(same)).toMatchObject([
      { state: 'reused', reason: why('one-shot'), supernet: `${same.id}/one-shot/0.5000_0.safetensors` },
      { state: 'reused', reason: why('two'), outputs: { selected: { groups: 2 } } },
    ]);
    const inode = (id: string): number => statSync(path.join(root, id, 'two/0.5000_0.safetensors')).ino;
    expect(inode(same.id)).toBe(inode(first.id));
    expect(await readManifest(root, `${same.id}/two`)).toMatchObject({
      reused: { from: `${first.id}/two` },
      attempts: [{ ending: 'reused' }],
    });
    rmSync(path.join(root, first.id), { recursive: true });

    const changed = ladder({ ...small, fewShot: 2 });
    expect(await forecast(changed, root)).toMatchObject([
      { stage: 'one-shot', will: 'be reused' },
      { stage: 'two', will: 'run', why: `because epochs (1 → 2) changed since ${same.id}/two` },
    ]);
    expect(await run(changed)).toMatchObject([{ state: 'reused' }, { state: 'done' }]);

    const above = await forecast(ladder({ ...small, oneShot: 2 }), root);
    expect(above[1]).toEqual({ stage: 'two', will: 'run', why: 'because one-shot will', cells: { run: 1 } });
  },
);

test('damaged work is not taken over, and a fresh run takes nothing', { timeout: 180_000 }, async () => {
  const [first, fresh] = [ladder({ oneShot: 1 }), ladder({ oneShot: 1 }, 'nothing')];
  await run(first);
  expect((await forecast(fresh, root)).map(({ will }) => will)).toEqual(['run']);
  expect((await run(fresh)).map(({ state }) => state)).toEqual(['done']);
  for (const { id } of [first, fresh]) {
    const folder = path.join(root, id, 'one-shot');
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.safetensors'))) {
      writeFileSync(path.join(folder, name), 'other bytes');
    }
  }
  expect((await run(ladder({ oneShot: 1 }))).map(({ state }) => state)).toEqual(['done']);
});

test(
  'a run goes on from any stage of an older run, whose earlier stages it takes as they are',
  { timeout: 180_000 },
  async () => {
    const first = ladder({ oneShot: 1 });
    await run(first);
    const from: PlanReuse = { run: first.id, stage: 'two' };
    const stages = await run(ladder({ oneShot: 9, fewShot: 1 }, from));
    expect(stages).toMatchObject([
      { state: 'reused', reason: `taken over from ${first.id}/one-shot as it is, as asked` },
      { state: 'done' },
    ]);
    const nowhere = await forecast(ladder(small, { run: 'nobody', stage: 'two' }), root);
    expect(nowhere[0]).toMatchObject({ will: 'park', why: 'expected a finished stage in nobody/one-shot, got none' });
  },
);
