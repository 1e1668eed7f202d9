import path from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { unlimited } from '../../activities/permissions.ts';
import { lightStages } from '../../activities/stages.ts';
import { sha256File } from '../../artifacts/files.ts';
import { JsonMap } from '../../artifacts/json.ts';
import { FolderKeeper } from '../../artifacts/kept-folders.ts';
import { readManifest } from '../../artifacts/results.ts';
import { readResult } from '../../artifacts/results.ts';
import { Ranking } from '../../nas/evaluation/ranking.ts';
import type { StageInput, StageResult } from '../../plan/results.ts';
import { predictionOf } from '../../report/figures.ts';
import { predictionWords } from '../../report/text.ts';
import { evaluated, partsOnDisk } from '../support/evaluated-ranking.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

async function merge(budget: number | null, smooth: boolean, skipped?: number) {
  const root = temporaryFolder();
  vi.stubEnv('NAS_RESULTS', root);
  const cache = temporaryFolder();
  vi.stubEnv('NAS_CACHE', cache);
  const parts = partsOnDisk(root, evaluated(budget)).map((part, at) => (at + 1 === skipped ? null : part));
  await finishedStage(root, 'run/earlier', 'command', {});
  const input = {
    stage: 'ranking',
    uses: 'merge-results',
    directory: 'run/ranking',
    round: 1,
    with: JsonMap.parse({ parts, smooth }),
  };
  const activity = lightStages(unlimited)['merge-results']!;
  const ofRun = new MockActivityEnvironment({ workflowExecution: { workflowId: 'run', runId: '1' } });
  const { outputs } = await ofRun.run<[StageInput], StageResult, typeof activity>(activity, input);
  const files = (await readManifest(root, 'run/ranking'))?.files ?? [];
  for (const { file, sha256 } of files) expect(await sha256File(path.join(root, file))).toBe(sha256);
  const { ranking } = z.object({ ranking: Ranking }).parse(outputs);
  const { predictor } = ranking;
  const prediction = predictor && predictionOf(await readResult(root, predictor), predictor.file);
  return { root, cache, prediction, ranking, files: files.map(({ file }) => path.posix.basename(file)).toSorted() };
}

test('a merge within a budget ranks all subnets, and its manifest names the account of the predictor', async () => {
  const { prediction, ranking, files } = await merge(40, false);
  expect(ranking).toMatchObject({ top1: { file: 'run/ranking/top1_json_final.json' }, subnets: 90 });
  expect(files).toEqual(['predictor.json', 'table_final.csv', 'top1_json_final.json', 'top5_json_final.json']);
  expect(prediction).toMatchObject({ subnets: { evaluated: 40, predicted: 50 }, folds: 10 });
  const words = predictionWords(prediction!);
  expect(words).toMatch(
    /fitted on the 40 subnets that were evaluated; 50 were not\. .* tau of 0\.\d{3} \[.*\] and errs by \d/,
  );
  expect(words).toMatch(/; log parameters alone: tau 0\.\d{3} \[0\.\d{3}, 0\.\d{3}\]\.$/);
});

test('a merge with smooth has the smoothed ranking beside the measured one', async () => {
  const { prediction, ranking, files } = await merge(null, true);
  expect(ranking).toMatchObject({ subnets: 90 });
  expect(files).toEqual([
    'predictor.json',
    'table_final.csv',
    'top1_json_final.json',
    'top1_json_final_smoothed.json',
    'top5_json_final.json',
    'top5_json_final_smoothed.json',
  ]);
  expect(prediction).toMatchObject({ subnets: { evaluated: 90, predicted: 0 } });
  expect(predictionWords(prediction!)).toContain('beside the measured accuracies stand smoothed ones');
});

test('the accuracies have the names of the original too, beside the supernet', async () => {
  const { root, ranking } = await merge(null, false);
  const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
  const folder = 'run/one-shot/json_results/epoch1_all_test';
  expect(readdirSync(path.join(root, folder)).toSorted()).toEqual(['top1_json_final.json', 'top5_json_final.json']);
  expect(read(`${folder}/top1_json_final.json`)).toBe(read(ranking.top1.file));
  expect(read(`${folder}/top5_json_final.json`)).toBe(read(ranking.top5.file));
});

test('what the run holds then is soon remembered for the next list', async () => {
  const { root, cache } = await merge(null, false);
  const kept = (): unknown => new FolderKeeper(root, cache).read('run');
  const isDone = { stage: { isDone: true } };
  await expect.poll(kept, { timeout: 30_000 }).toMatchObject({ below: { earlier: isDone, ranking: isDone } });
});

test('a merge of measured accuracies alone says nothing of a predictor', async () => {
  expect((await merge(null, false)).prediction).toBeNull();
});

test('a part that was skipped is missed by its number, and nothing is merged', async () => {
  await expect(merge(null, false, 2)).rejects.toMatchObject({
    type: 'BadInput',
    nonRetryable: true,
    message: 'part 2: missing; evaluate it',
  });
});
