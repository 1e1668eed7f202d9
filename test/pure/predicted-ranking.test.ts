import { describe, expect, test } from 'vitest';
import { kendallTau } from '../../nas/evaluation/correlation.ts';
import { mergeParts, rankingTexts } from '../../nas/evaluation/merge.ts';
import { Accuracies, isEvaluated, parseTable, rankingFiles, tableText } from '../../nas/evaluation/ranking.ts';
import type { TableRow } from '../../nas/evaluation/ranking.ts';
import { parsePredictor } from '../../nas/evaluation/predictor/predicted-ranking.ts';
import { depthOf } from '../../nas/space/space.ts';
import { evaluated, subnets } from '../support/evaluated-ranking.ts';

async function ranked(budget: number | null, smooth: boolean) {
  const { set, parts } = evaluated(budget);
  const merged = mergeParts(set, parts);
  const texts = await rankingTexts(set, merged, smooth);
  return { merged, texts, table: parseTable(texts[rankingFiles.table]!, 'f') };
}

const accuraciesOf = (text: string | undefined) => Accuracies.parse(JSON.parse(text!));
const valuesOf = (text: string | undefined): number[] => Object.values(accuraciesOf(text)).map(({ acc }) => acc);
const measured = (rows: readonly TableRow[]): number[] => rows.map(({ top1 }) => top1);
const predicted = (rows: readonly TableRow[]): number[] => rows.map((row) => row.predicted!.top1);

describe('a ranking within a budget', () => {
  test('holds every subnet by its predicted accuracy, and the table says which were evaluated', async () => {
    const { merged, texts, table } = await ranked(40, false);
    expect(Object.keys(texts).toSorted()).toEqual([
      'predictor.json',
      'table_final.csv',
      'top1_json_final.json',
      'top5_json_final.json',
    ]);
    expect(Object.keys(accuraciesOf(texts[rankingFiles.top1]))).toEqual(subnets.map(({ id }) => id));
    expect(table.filter(isEvaluated)).toHaveLength(40);
    expect(table.map((row) => ({ ...row, predicted: null }))).toEqual(merged);
    expect(predicted(table)).toEqual(valuesOf(texts[rankingFiles.top1]));
    expect(table.map(({ code, depth }) => [code, depth])).toEqual(
      subnets.map(({ code, subnet }) => [code, depthOf(subnet)]),
    );
  });

  test('is close to what evaluating all of them finds', async () => {
    const { table } = await ranked(40, false);
    const all = await ranked(null, false);
    expect(kendallTau(predicted(table), measured(all.merged))).toBeGreaterThan(0.9);
  });

  test('has an account of how sure it is, beside what sizes alone are worth', async () => {
    const { texts } = await ranked(40, false);
    const record = JSON.parse(texts[rankingFiles.predictor]!);
    expect(record).toMatchObject({ version: 1, subnets: { evaluated: 40, predicted: 50 } });
    for (const score of ['top1', 'top5']) {
      const { tau } = record[score].leaveOut;
      expect(tau.low).toBeLessThan(tau.estimate);
      expect(tau.estimate).toBeLessThan(tau.high);
    }
    expect(Object.keys(record.baselines)).toEqual(['log parameters', 'log MACs', 'depth', 'log parameters and depth']);
  });

  test('of fewer than 20 evaluated subnets is refused', async () => {
    await expect(ranked(19, false)).rejects.toThrow('expected at least 20 scores, got 19');
  });
});

describe('a ranking of which every subnet was evaluated', () => {
  test('goes by what was measured, and knows no predictions unless they are asked for', async () => {
    const { merged, texts } = await ranked(null, false);
    expect(Object.keys(texts)).toEqual(['table_final.csv', 'top1_json_final.json', 'top5_json_final.json']);
    expect(valuesOf(texts[rankingFiles.top1])).toEqual(measured(merged));
    expect(valuesOf(texts[rankingFiles.top5])).toEqual(merged.map(({ top5 }) => top5));
    expect(texts[rankingFiles.table]).toBe(tableText(merged));
  });

  test('has the smoothed scores in files of their own', async () => {
    const { merged, texts, table } = await ranked(null, true);
    expect(Object.keys(texts).toSorted()).toEqual([
      'predictor.json',
      'table_final.csv',
      'top1_json_final.json',
      'top1_json_final_smoothed.json',
      'top5_json_final.json',
      'top5_json_final_smoothed.json',
    ]);
    expect(valuesOf(texts[rankingFiles.top1])).toEqual(measured(merged));
    expect(measured(table)).toEqual(measured(merged));
    expect(valuesOf(texts[rankingFiles.smoothedTop1])).toEqual(predicted(table));
    expect(valuesOf(texts[rankingFiles.smoothedTop5])).toEqual(table.map((row) => row.predicted!.top5));
  });
});

test('an account of a predictor is read with what is not defined in it as NaN, and refused where it is none', async () => {
  const { texts } = await ranked(40, false);
  const text = texts[rankingFiles.predictor]!;
  const record = JSON.parse(text);
  const read = parsePredictor(text, 'p.json');
  expect(read.subnets).toEqual(record.subnets);
  const { folds, tau, rmse } = record.top1.leaveOut;
  expect(read.top1.leaveOut).toEqual({ folds, tau, rmse });
  expect(read.baselines['depth']!.tau).toEqual(record.baselines.depth.tau);
  record.top1.leaveOut.tau.estimate = null;
  expect(parsePredictor(JSON.stringify(record), 'p.json').top1.leaveOut.tau.estimate).toBeNaN();
  const refusal = /^p\.json: expected a predictor's account, got .*; merge the parts again$/s;
  for (const none of ['{', '{}', JSON.stringify({ ...record, subnets: { evaluated: 0.5, predicted: 1 } })]) {
    expect(() => parsePredictor(none, 'p.json')).toThrow(refusal);
  }
  expect(() => parsePredictor('{"subnets":{"evaluated":1,"predicted":1}}', 'p.json')).toThrow('top1');
});
