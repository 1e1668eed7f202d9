import { expect, test } from 'vitest';
import {
  accuraciesText,
  isEvaluated,
  originalNames,
  parseTable,
  Ranking,
  rowOf,
  tableText,
} from '../../nas/evaluation/ranking.ts';
import { macs, parameterCount } from '../../nas/space/cost.ts';
import { depthOf } from '../../nas/space/space.ts';
import { subnets } from '../support/evaluated-ranking.ts';
import { committedSpace } from '../support/spaces.ts';

const space = committedSpace('fashion');
const [named, other] = subnets;
const score = { top1: 30, top5: 45, images: 50, crossEntropy: 1.5 };
const row = (own: Parameters<typeof rowOf>[2]) => rowOf({ space, n_classes: 10 }, named!, own);

const file = (name: string) => ({ file: `run/ranking/${name}`, sha256: 'a'.repeat(64) });
const wordsOf = (value: object): string => Ranking.safeParse(value).error?.message ?? '';

test('a line has the costs of a subnet, its accuracies in percent, and the error of counting so many images', () => {
  const { id, code, subnet } = named!;
  const plain = row(score);
  expect(plain).toMatchObject({ id, code, top1: 60, top5: 90, crossEntropy: 1.5, images: null, predicted: null });
  expect(plain).toMatchObject({
    depth: depthOf(subnet),
    parameters: parameterCount(space, subnet, 10),
    macs: macs(space, subnet, 28, 10),
  });
  expect(plain.standardError).toBeCloseTo(100 * Math.sqrt((0.6 * 0.4) / 50), 12);
  // What a race left open is one more reason to err.
  const raced = row({ ...score, tested: 20, error: 0.02 });
  expect(raced.standardError).toBeCloseTo(100 * Math.sqrt((0.6 * 0.4) / 50 + 0.02 ** 2), 12);
  expect(raced.images).toBe(20);
  const none = row(null);
  expect([none.top1, none.top5, none.crossEntropy, none.standardError].every(Number.isNaN)).toBe(true);
  expect([plain, raced, none].map(isEvaluated)).toEqual([true, true, false]);
});

test('a table is read as it was written, with how many images were raced and without', () => {
  const raced = [
    row({ ...score, tested: 20, error: 0.02 }),
    { ...row({ ...score, tested: 50, error: 0 }), id: 'arch2' },
  ];
  const predicted = raced.map((one) => ({ ...one, predicted: { top1: 61, top5: 91 } }));
  for (const rows of [[row(score)], raced, predicted]) expect(parseTable(tableText(rows), 't')).toEqual(rows);
  expect(tableText(raced).split('\n', 2)).toEqual([
    'id,code,depth,parameters,macs,top1,top5,cross_entropy,standard_error,images',
    expect.stringMatching(/,20$/),
  ]);
  expect(tableText(predicted).split('\n', 1)[0]).toMatch(/,images,evaluated,predicted_top1,predicted_top5$/);
  expect(tableText([])).toBe('id,code,depth,parameters,macs,top1,top5,cross_entropy,standard_error\n');
  // A subnet that no race had: a budget left it out.
  expect(parseTable(tableText([...raced, { ...row(null), id: 'arch3' }]), 't')[2]).toMatchObject({
    images: 0,
    top1: NaN,
  });
  expect(() => parseTable(tableText(raced).replace(/,20$/m, ''), 't')).toThrow(/^t:2: expected 10 values, got arch/);
});

test('the original finds its two files below the name that it gives to a ranking', () => {
  const made = {
    table: file('table_final.csv'),
    top1: file('top1_json_final.json'),
    top5: file('top5_json_final.json'),
    predictor: null,
    subnets: 2,
    json_results: '7_from_6/json_results/epoch4_all_test',
  };
  expect(originalNames(Ranking.parse(made))).toEqual({
    '7_from_6/json_results/epoch4_all_test/top1_json_final.json': 'run/ranking/top1_json_final.json',
    '7_from_6/json_results/epoch4_all_test/top5_json_final.json': 'run/ranking/top5_json_final.json',
  });
  // What has keys that are not known comes from another version; what lacks some is only wrong.
  expect(wordsOf({ ...made, more: 1 })).toContain('got a result of another version');
  expect(wordsOf({ ...made, subnets: -1 })).not.toContain('another version');
});

test('accuracies are written as the original writes them', () => {
  const rows = [row(score), { ...rowOf({ space, n_classes: 10 }, other!, score), id: 'arch2' }];
  const text = accuraciesText(rows, ({ id, top5 }) => top5 + (id === 'arch2' ? 1 : 0));
  expect(text).toBe(
    [
      '{',
      `    "${rows[0]!.id}": {\n        "arch": "${rows[0]!.code}",\n        "acc": 90\n    },`,
      `    "arch2": {\n        "arch": "${rows[1]!.code}",\n        "acc": 91\n    }`,
      '}\n',
    ].join('\n'),
  );
});
