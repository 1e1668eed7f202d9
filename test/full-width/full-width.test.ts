import path from 'node:path';
import { readFileSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unlimited } from '../../activities/permissions.ts';
import { lightActivities } from '../../activities/stages.ts';
import { spaceNamed } from '../../bench/train-task.ts';
import type { ImageListConfig } from '../../configs/dataset-schema.ts';
import { loadPipeline } from '../../pipelines/compile.ts';
import { writeImageFolder } from '../support/image-folder.ts';
import { nas } from '../support/nas.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';
import { embeddedServer } from '../../workers/server.ts';
import { startWorkers } from '../../workers/workers.ts';
import type { RunningWorkers } from '../../workers/workers.ts';

// npm run test:full-width: the competition's own pipeline with all its weights, on 200 pictures.

const server = withPipelineServer(lightActivities(unlimited));
let workers: RunningWorkers;
beforeAll(async () => {
  const address = embeddedServer(server.environment.address);
  workers = await startWorkers(address, { roles: ['heavy'], devices: ['cpu'], permissions: unlimited });
});
afterAll(async () => {
  workers.shutdown();
  await workers.stopped;
});

const GB = 1e9;
/** The supernets and checkpoints of seven stages take 10 GB; training the largest took 3.2 GB of memory. */
const { bavail, bsize } = statfsSync(tmpdir());
const isTooSmall = bavail * bsize < 15 * GB || freemem() < 6 * GB;
if (isTooSmall)
  console.error(`full width: left out, ${tmpdir()} has less than 15 GB or memory less than 6 GB to spare`);

const SIDE = 32;

/** What makes it small: pictures of 32 pixels, two steps an epoch, one batch to test on. All widths, depths and K stay. */
function settings(dataset: ImageListConfig): string[] {
  const crop = { resize: 36, crop: SIDE };
  const small = { ...dataset, resolution: SIDE, transforms: { ...dataset.transforms, evaluation: crop } };
  const changes = {
    epochs: 1,
    few_shot_epochs: 1,
    batch_size: 60,
    parts: 2,
    'with.dataset': small,
    'with.space': { ...spaceNamed('imagenet'), resolutions: [24, SIDE] },
    'with.n_classes': dataset.classes,
    'with.calibration': { batches: 1, batch_size: 20 },
    'with.checkpoint_every_steps': 1000,
    'stages.evaluate.with.subnets': { sample: { count: 16, seed: 0, way: 'stratified' } },
  };
  return Object.entries(changes).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
}

const title = 'cvpr2022-track1.yml goes from a folder of pictures to the merged ranking';
test.skipIf(isTooSmall)(title, { timeout: 1_200_000 }, async () => {
  const images = temporaryFolder();
  await writeImageFolder(images, { classes: 10, train: 14, val: 6 });
  const sizes = ['--calibration', '20', '--selection', '20', '--ground-truth', '20'];
  const { code, stdout, stderr } = await nas(['data', 'imagenet', '--root', images, ...sizes, '--json']);
  expect(code, stderr).toBe(0);
  const { dataset }: { dataset: ImageListConfig } = JSON.parse(stdout);

  const results = temporaryFolder();
  process.env['NAS_RESULTS'] = results;
  const plan = loadPipeline('pipelines/cvpr2022-track1.yml', { set: settings(dataset) });
  const run = await server.start(plan);
  const { outputs } = await run.handle.result();
  expect(new Set(Object.values(await run.states()))).toEqual(new Set(['done']));
  expect(outputs).toMatchObject({
    'few-shot-7': { selected: { epoch: 0, groups: 7 } },
    ranking: { ranking: { subnets: 16 } },
  });

  const merged = path.join(results, 'cvpr2022-track1/6_from_5/json_results/epoch0_all_test/top1_json_final.json');
  const ranking: Record<string, { arch: string; acc: number }> = JSON.parse(readFileSync(merged, 'utf8'));
  expect(Object.keys(ranking)).toHaveLength(16);
  expect(ranking['arch1']).toEqual({ arch: expect.stringMatching(/^1\d{51}$/), acc: expect.any(Number) });
  expect(readFileSync(path.join(results, 'cvpr2022-track1/report/report.md'), 'utf8')).toContain('7_from_6');
});
