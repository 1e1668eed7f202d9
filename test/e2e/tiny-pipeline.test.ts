import path from 'node:path';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { unlimited } from '../../activities/permissions.ts';
import { lightActivities } from '../../activities/stages.ts';
import { sha256File } from '../../artifacts/files.ts';
import { readManifest } from '../../artifacts/results.ts';
import { loadPipeline } from '../../pipelines/compile.ts';
import { RankingPart } from '../../nas/evaluation/ranking.ts';
import { readEvents } from '../support/event-reader.ts';
import { isLong } from '../support/long.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';
import { embeddedServer } from '../../workers/server.ts';
import { startWorkers } from '../../workers/workers.ts';
import type { RunningWorkers } from '../../workers/workers.ts';

const server = withPipelineServer(lightActivities(unlimited));
let workers: RunningWorkers;
beforeAll(async () => {
  const address = embeddedServer(server.environment.address);
  workers = await startWorkers(address, { roles: ['heavy'], devices: ['cpu', 'cpu'], permissions: unlimited });
});
afterAll(async () => {
  workers.shutdown();
  await workers.stopped;
});

function readJson(...place: string[]): Record<string, Record<string, unknown>> {
  return JSON.parse(readFileSync(path.join(...place), 'utf8'));
}

test('a pipeline goes from images to the merged ranking and its report', { timeout: 240_000 }, async () => {
  const root = temporaryFolder();
  process.env['NAS_RESULTS'] = root;
  const plan = loadPipeline('test/e2e/tiny.yml');
  const run = await server.start(plan);
  const asking = await run.untilStage('few-shot-2', 'selecting', 200_000);
  expect(asking.choices?.map(({ epoch }) => epoch)).toEqual([0, 1]);
  await run.handle.executeUpdate('selectEpoch', { args: [{ stage: 'few-shot-2', epoch: 0, who: 'ada' }] });
  const { outputs } = await run.handle.result();
  expect(new Set(Object.values(await run.states()))).toEqual(new Set(['done']));

  expect(outputs).toMatchObject({
    'few-shot-2': { selected: { epoch: 0, groups: 2 } },
    ranking: { ranking: { subnets: 12 } },
  });
  const chosen = await readManifest(root, 'tiny/2');
  expect(chosen?.selection).toMatchObject({ epoch: 0, by: 'person', who: 'ada' });
  expect(await sha256File(path.join(root, 'tiny/2/supernet_max_kt.safetensors'))).toBe(chosen?.epochs[0]?.sha256);

  const merged = readJson(root, 'tiny/ranking/top1_json_final.json');
  expect(Object.keys(merged)).toHaveLength(12);
  expect(merged['arch1']).toEqual({ arch: expect.stringMatching(/^1\d{11}$/), acc: expect.any(Number) });
  // For people who know the original.
  expect(readJson(root, 'tiny/2/json_results/epoch0_all_test/top1_json_final.json')).toEqual(merged);

  const report = readJson(root, 'tiny/report/report.json');
  expect(report).toMatchObject({
    supernets: [
      { stage: 'one-shot', groups: 1 },
      { stage: '2', groups: 2, epoch: 0 },
    ],
  });
  expect(report['baselines']).toHaveLength(4);
  expect(readFileSync(path.join(root, 'tiny/report/report.md'), 'utf8')).toContain('| log parameters |');
  // The page of the run, with the very figures of the report.
  const page = readFileSync(path.join(root, 'tiny/report/report.html'), 'utf8');
  const taus = [...page.matchAll(/<tr class="supernet" [^>]*data-tau="([^"]*)"/g)].map(([, tau]) => Number(tau));
  expect(Object.values(report['supernets'] ?? {})).toMatchObject(taus.map((estimate) => ({ tau: { estimate } })));
  expect(page).toContain('epoch 0 chosen by ada');
  expect(page).toContain('nas start test/e2e/tiny.yml --id tiny-again');
  expect(readJson(root, 'tiny/table/ground-truth.json')['arch3']).toMatchObject({
    arch: '111333003300',
    runs: expect.any(Array),
  });

  // One part's scores are damaged: the next run evaluates that part alone, and merges to the same bytes.
  const part = (await readManifest(root, 'tiny/evaluate/2'))?.outputs?.['part'];
  writeFileSync(path.join(root, RankingPart.parse(part).file), 'damaged');
  const again = await server.start({ ...plan, id: 'again' });
  await again.handle.result();
  const { stages } = await again.status();
  expect(Object.fromEntries(stages.map(({ id, state }) => [id, state]))).toMatchObject({
    'few-shot-2': 'reused',
    evaluate: 'done',
    alone: 'reused',
  });
  expect(stages.find(({ id }) => id === 'evaluate')?.reason).toBe(
    '2 of 3 cells reused; evaluate.1: reused from tiny/evaluate/1, because inputs, config and code are the same',
  );
  expect(readJson(root, 'again/ranking/top1_json_final.json')).toEqual(merged);
  expect(readJson(root, 'again/2/json_results/epoch0_all_test/top1_json_final.json')).toEqual(merged);

  // Its report names files of its own run.
  expect(stages.find(({ id }) => id === 'report')?.state).toBe('done');
  const files = ['one-shot/', '2/'].map((folder) => ({ file: expect.stringMatching(`^again/${folder}`) }));
  expect(readJson(root, 'again/report/report.json')).toMatchObject({ supernets: files });

  // What was not trained again has its curves in the new run all the same.
  const curves = (id: string): unknown[] =>
    ['one-shot', '2', 'alone/111111001100'].map((stage) => {
      const folder = path.join(root, id, stage, 'tensorboard');
      const events = readdirSync(folder).map((file) => readEvents(path.join(folder, file)));
      return {
        events,
        log: readFileSync(path.join(root, id, stage, 'log.jsonl'), 'utf8')
          .trimEnd()
          .split('\n'),
      };
    });
  expect(curves('again')).toEqual(curves('tiny'));
  const twoEpochs = expect.objectContaining({ length: 2 });
  expect(curves('again')[0]).toEqual({ events: twoEpochs, log: twoEpochs });
});

// process/evaluation.test.ts and pure/predicted-ranking.test.ts have the parts of it.
test.runIf(isLong)(
  'a budget ranks what it did not evaluate, smooth what it did, and the report says so',
  { timeout: 240_000 },
  async () => {
    const root = temporaryFolder();
    process.env['NAS_RESULTS'] = root;
    const run = await server.start(loadPipeline('test/e2e/predicted.yml'));
    const { outputs } = await run.handle.result();
    expect(new Set(Object.values(await run.states()))).toEqual(new Set(['done']));
    expect(outputs).toMatchObject({ predicted: { ranking: { subnets: 40 } }, smoothed: { ranking: { subnets: 24 } } });

    const folder = path.join(root, 'predicted');
    const table = readFileSync(path.join(folder, 'predicted/table_final.csv'), 'utf8');
    expect(table.match(/,true,/g)).toHaveLength(24);
    expect(table.match(/,false,/g)).toHaveLength(16);
    expect(Object.keys(readJson(folder, 'predicted/top1_json_final.json'))).toHaveLength(40);
    const [measured, smoothed] = ['top1_json_final.json', 'top1_json_final_smoothed.json'].map((name) =>
      readJson(folder, 'smoothed', name),
    );
    expect(Object.keys(smoothed!)).toEqual(Object.keys(measured!));
    expect(smoothed).not.toEqual(measured);

    const interval = { estimate: expect.any(Number), low: expect.any(Number), high: expect.any(Number) };
    const reports = ['report-predicted', 'report-smoothed'].map((stage) =>
      readJson(root, 'predicted', stage, 'report.json'),
    );
    expect(reports.map(({ prediction }) => prediction)).toMatchObject([
      { subnets: { evaluated: 24, predicted: 16 }, tau: interval, rmse: interval },
      { subnets: { evaluated: 24, predicted: 0 }, tau: interval, rmse: interval },
    ]);
    const text = readFileSync(path.join(root, 'predicted/report-predicted/report.md'), 'utf8');
    expect(text).toContain('fitted on the 24 subnets that were evaluated; 16 were not');
    const page = readFileSync(path.join(root, 'predicted/report-predicted/report.html'), 'utf8');
    expect(page).toContain('predicts the accuracies of all, among them 16 that were not evaluated');
  },
);
