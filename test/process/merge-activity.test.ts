import { MockActivityEnvironment } from '@temporalio/testing';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import type { StageInput, StageResult } from '../../activities/contract.ts';
import { mergeResults } from '../../activities/merge-results.ts';
import { readManifest } from '../../artifacts/manifest.ts';
import { JsonMap } from '../../artifacts/json.ts';
import { evaluated, partsOnDisk } from '../support/evaluated-ranking.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const FOLDER = 'run/one-shot/json_results/epoch1_all_test';

async function merge(budget: number | null, smooth: boolean) {
  const root = temporaryFolder();
  vi.stubEnv('NAS_RESULTS', root);
  const parts = partsOnDisk(root, FOLDER, evaluated(budget));
  const input = {
    stage: 'ranking',
    uses: 'merge-results',
    directory: 'run/ranking',
    round: 1,
    with: JsonMap.parse({ parts, smooth }),
  };
  const { outputs } = await new MockActivityEnvironment().run<[StageInput], StageResult, typeof mergeResults>(
    mergeResults,
    input,
  );
  const files = (await readManifest(root, 'run/ranking'))?.files ?? [];
  for (const { file, sha256 } of files) {
    expect(
      createHash('sha256')
        .update(readFileSync(path.join(root, file)))
        .digest('hex'),
    ).toBe(sha256);
  }
  return { outputs, files: files.map(({ file }) => path.posix.basename(file)).toSorted() };
}

test('a merge within a budget ranks all subnets, and its manifest names the account of the predictor', async () => {
  const { outputs, files } = await merge(40, false);
  expect(outputs).toMatchObject({ ranking: { top1: `${FOLDER}/top1_json_final.json`, subnets: 90 } });
  expect(files).toEqual(['predictor.json', 'table_final.csv', 'top1_json_final.json', 'top5_json_final.json']);
});

test('a merge with smooth has the smoothed ranking beside the measured one', async () => {
  const { outputs, files } = await merge(null, true);
  expect(outputs).toMatchObject({ ranking: { subnets: 90 } });
  expect(files).toEqual([
    'predictor.json',
    'table_final.csv',
    'top1_json_final.json',
    'top1_json_final_smoothed.json',
    'top5_json_final.json',
    'top5_json_final_smoothed.json',
  ]);
});
