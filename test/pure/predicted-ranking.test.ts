import { describe, expect, test } from 'vitest';
import { kendallTau } from '../../nas/evaluation/agreement.ts';
import { filesOfRanking } from '../../nas/evaluation/merge.ts';
import {
  Accuracies,
  isEvaluated,
  parseRankedTable,
  rankedTableText,
  tableText,
} from '../../nas/evaluation/ranking-files.ts';
import { depthOf } from '../../nas/space/space.ts';
import { evaluated, subnets } from '../support/evaluated-ranking.ts';

const accuraciesOf = ({ text }: { text: string }): Accuracies => Accuracies.parse(JSON.parse(text));
const valuesOf = (accuracies: Accuracies): number[] => Object.values(accuracies).map(({ acc }) => acc);

describe('a ranking within a budget', () => {
  test('holds every subnet by its predicted accuracy, and the table says which were evaluated', async () => {
    const { set, merged } = evaluated(40);
    expect(merged.table).toHaveLength(40);
    const { top1, top5, table, beside, subnets: count } = await filesOfRanking('f', set, merged, false);
    expect([top1, top5, table, ...beside].map(({ file }) => file)).toEqual([
      'f/top1_json_final.json',
      'f/top5_json_final.json',
      'f/table_final.csv',
      'f/predictor.json',
    ]);
    expect(count).toBe(90);
    expect(Object.keys(accuraciesOf(top1))).toEqual(subnets.map(({ id }) => id));
    const rows = parseRankedTable(table.text, table.file);
    expect(rows.filter(isEvaluated).map(({ id }) => id)).toEqual(merged.table.map(({ id }) => id));
    expect(rows.map(({ predicted }) => predicted?.top1)).toEqual(valuesOf(accuraciesOf(top1)));
    expect(rows.map(({ code, depth }) => [code, depth])).toEqual(
      subnets.map(({ code, subnet }) => [code, depthOf(subnet)]),
    );
  });

  test('is close to what evaluating all of them finds', async () => {
    const { set, merged } = evaluated(40);
    const { top1 } = await filesOfRanking('f', set, merged, false);
    const all = valuesOf(evaluated(null).merged.top1);
    expect(kendallTau(valuesOf(accuraciesOf(top1)), all)).toBeGreaterThan(0.9);
  });

  test('has an account of how sure it is, beside what sizes alone are worth', async () => {
    const { set, merged } = evaluated(40);
    const { beside } = await filesOfRanking('f', set, merged, false);
    const record = JSON.parse(beside[0]!.text);
    expect(record).toMatchObject({ version: 1, subnets: { evaluated: 40, predicted: 50 } });
    for (const score of ['top1', 'top5']) {
      const { tau } = record[score].leaveOut;
      expect(tau.low).toBeLessThan(tau.estimate);
      expect(tau.estimate).toBeLessThan(tau.high);
    }
    expect(Object.keys(record.baselines)).toEqual(['logParameters', 'logMacs', 'depth', 'blend']);
  });

  test('of fewer than 20 evaluated subnets is refused', async () => {
    const { set, merged } = evaluated(19);
    await expect(filesOfRanking('f', set, merged, false)).rejects.toThrow('expected at least 20 scores, got 19');
  });
});

describe('a ranking of which every subnet was evaluated', () => {
  test('goes by what was measured, and knows no predictions unless they are asked for', async () => {
    const { set, merged } = evaluated(null);
    const { top1, table, beside } = await filesOfRanking('f', set, merged, false);
    expect(accuraciesOf(top1)).toEqual(merged.top1);
    expect(table.text).toBe(tableText(merged.table));
    expect(beside).toEqual([]);
    expect(parseRankedTable(table.text, 'f').every(({ predicted }) => predicted === null)).toBe(true);
  });

  test('has the smoothed scores in files of their own', async () => {
    const { set, merged } = evaluated(null);
    const { top1, table, beside } = await filesOfRanking('f', set, merged, true);
    expect(accuraciesOf(top1)).toEqual(merged.top1);
    expect(beside.map(({ file }) => file)).toEqual([
      'f/top1_json_final_smoothed.json',
      'f/top5_json_final_smoothed.json',
      'f/predictor.json',
    ]);
    const smoothed = accuraciesOf(beside[0]!);
    expect(Object.keys(smoothed)).toEqual(Object.keys(merged.top1));
    expect(parseRankedTable(table.text, 'f').map(({ predicted }) => predicted?.top1)).toEqual(valuesOf(smoothed));
  });
});

test('a table with predictions is read as it was written, and its broken lines are named', async () => {
  const { set, merged } = evaluated(40);
  const { table } = await filesOfRanking('f', set, merged, false);
  const rows = parseRankedTable(table.text, 'f');
  expect(
    rankedTableText(rows.flatMap((row) => (row.predicted === null ? [] : [{ ...row, predicted: row.predicted }]))),
  ).toBe(table.text);
  const broken = table.text.replace(/,[^,\n]*\n(?=arch3,)/, ',x\n');
  expect(() => parseRankedTable(broken, 'f')).toThrow('f:3: expected two predictions, got arch2');
});
