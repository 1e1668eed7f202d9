import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { catalogue } from '../../artifacts/catalogue.ts';
import { sha256Of } from '../../artifacts/files.ts';
import { mergeResults } from '../../nas/evaluation/merge.ts';
import { isEvaluated, parseTable } from '../../nas/evaluation/ranking.ts';
import { mergedRankings, readRanking } from '../../nas/evaluation/read-ranking.ts';
import type { MergedRanking } from '../../nas/evaluation/read-ranking.ts';
import { evaluated, partsOnDisk } from '../support/evaluated-ranking.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { plainStageFiles } from '../support/plain-stage-files.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A merged ranking of a run, with its table as it was written. */
async function merged(budget: number | null, smooth: boolean) {
  const root = temporaryFolder();
  const stage = plainStageFiles(root, 'run/ranking');
  const { ranking } = await mergeResults(stage, { parts: partsOnDisk(root, evaluated(budget)), smooth });
  const names = ['table_final.csv', ...(ranking.predictor === null ? [] : ['predictor.json'])];
  const text = (name: string): string => readFileSync(path.join(root, 'run/ranking', name), 'utf8');
  const files = names.map((name) => ({ file: `run/ranking/${name}`, sha256: sha256Of(text(name)) }));
  await finishedStage(root, 'run/ranking', 'merge-results', { files });
  await finishedStage(root, 'run/none', 'merge-results', {});
  const [found, ...others] = mergedRankings(await catalogue(root, 'run'));
  expect(others).toEqual([]);
  const errorOf = (): number => JSON.parse(text('predictor.json')).top1.leaveOut.rmse.estimate;
  return { root, found: found!, rows: parseTable(text('table_final.csv'), 't'), errorOf };
}

const scoresOf = async (root: string, found: MergedRanking, smoothed?: boolean) => {
  const { score, subnets } = await readRanking(root, found, smoothed);
  return {
    score,
    values: subnets.map((one) => one.score),
    errors: new Set(subnets.map(({ error }) => error)),
    subnets,
  };
};

test('a ranking of which all was measured is read by that, each with its own error', async () => {
  const { root, found, rows } = await merged(null, true);
  const { score, values, subnets } = await scoresOf(root, found);
  expect(score).toBe('measured');
  expect(values).toEqual(rows.map(({ top1 }) => top1));
  expect(subnets[3]).toEqual({
    id: rows[3]!.id,
    code: rows[3]!.code,
    depth: rows[3]!.depth,
    parameters: rows[3]!.parameters,
    macs: rows[3]!.macs,
    score: rows[3]!.top1,
    error: rows[3]!.standardError,
    evaluated: true,
  });
});

test('it is read by predictions where they are asked for, each with the error of those that were left out', async () => {
  const { root, found, rows, errorOf } = await merged(null, true);
  const { score, values, errors, subnets } = await scoresOf(root, found, true);
  expect(score).toBe('predicted');
  expect(values).toEqual(rows.map(({ predicted }) => predicted!.top1));
  expect(errors).toEqual(new Set([errorOf()]));
  expect(subnets.every((one) => one.evaluated)).toBe(true);
});

test('it is read by predictions too where a budget left some out', async () => {
  const { root, found, rows } = await merged(40, false);
  const { score, values, subnets } = await scoresOf(root, found);
  expect(score).toBe('predicted');
  expect(values).toEqual(rows.map(({ predicted }) => predicted!.top1));
  expect(subnets.map((one) => one.evaluated)).toEqual(rows.map(isEvaluated));
});

test('predictions that nobody made are refused', async () => {
  const { root, found } = await merged(null, false);
  expect(found.predictor).toBeUndefined();
  await expect(readRanking(root, found, true)).rejects.toThrow(
    'run/ranking/table_final.csv: expected predicted accuracies, got none; merge with `smooth: true`',
  );
});
