import path from 'node:path';
import { readFileSync, writeFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { mergeParts, mergeResults, MergeResultsConfig } from '../../nas/evaluation/merge.ts';
import type { PartTable } from '../../nas/evaluation/merge.ts';
import { listText, parseTable, tableText } from '../../nas/evaluation/ranking.ts';
import type { RankingSet, TableRow } from '../../nas/evaluation/ranking.ts';
import { partsOnDisk } from '../support/evaluated-ranking.ts';
import { plainStageFiles } from '../support/plain-stage-files.ts';
import { committedSpace, configText } from '../support/spaces.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const partOf: Record<string, number> = { arch1: 2, arch2: 1, arch3: 2, arch10: 1, arch11: 3 };
const ids = Object.keys(partOf);
const codeOf = (id: string): string => `1${id.slice(4).padStart(3, '0')}`;

/** A set of some subnets in so many parts. */
function setOf(some: readonly string[], parts: number, budget: number | null = null): RankingSet {
  return {
    version: 2,
    space: committedSpace('fashion'),
    n_classes: 10,
    supernet: { sha256: 'a'.repeat(64), epoch: 3, groups: 1 },
    test: { part: 'test', sha256: 'b'.repeat(64) },
    calibration: { part: 'calibration', sha256: 'c'.repeat(64), batches: 2, batch_size: 100 },
    precision: 'float32',
    parts,
    budget,
    subnets: { count: some.length, sha256: sha256Of(listText(some.map((id) => ({ id, code: codeOf(id) })))) },
  };
}
const set = setOf(ids, 3);

function rowsOf(members: readonly string[]): TableRow[] {
  return members.map((id, index) => ({
    id,
    code: codeOf(id),
    depth: 8,
    parameters: 1000,
    macs: 2000,
    top1: 70.4 + index / 3,
    top5: 90 + index,
    crossEntropy: 0.1 + 0.2,
    standardError: 0.9,
    images: null,
    predicted: null,
  }));
}

function partWith(part: number, members = ids.filter((id) => partOf[id] === part)): PartTable {
  return { part, rows: rowsOf(members) };
}
const whole = [1, 2, 3].map((part) => partWith(part));

test('parts come together by the numbers of their subnets, whatever order they come in', () => {
  const merged = mergeParts(set, [partWith(3), partWith(1), partWith(2)]);
  expect(merged.map(({ id }) => id)).toEqual(ids);
  expect(merged[3]).toEqual({ ...rowsOf(['x', 'arch10'])[1], id: 'arch10' });
});

test('however a set is cut into parts, and whatever order they come in, they merge into it; with one row more or less they do not', () => {
  const cut = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: ids.length, maxLength: ids.length });
  const inOrder = rowsOf(ids.toSorted((a, b) => Number(a.slice(4)) - Number(b.slice(4))));
  fc.assert(
    fc.property(cut, fc.shuffledSubarray([1, 2, 3, 4], { minLength: 4 }), fc.nat(99), (partAt, order, at) => {
      const parts = order.map((part) => ({ part, rows: inOrder.filter((_, row) => partAt[row] === part) }));
      expect(mergeParts(setOf(ids, 4), parts)).toEqual(inOrder);
      const changed = (change: (rows: readonly TableRow[]) => TableRow[]): PartTable[] =>
        parts.map(({ part, rows }, index) => ({ part, rows: index === at % 4 ? change(rows) : rows }));
      const more = inOrder[at % inOrder.length]!;
      expect(() =>
        mergeParts(
          setOf(ids, 4),
          changed((rows) => [...rows, more]),
        ),
      ).toThrow('merge: expected');
      if (parts[at % 4]!.rows.length > 0) {
        expect(() =>
          mergeParts(
            setOf(ids, 4),
            changed((rows) => rows.slice(1)),
          ),
        ).toThrow('merge: expected');
      }
    }),
    { numRuns: 40 },
  );
});

test('a part that is missing, doubled or foreign is refused by its number', () => {
  expect(() => mergeParts(set, [partWith(1), partWith(3)])).toThrow('part 2: missing; evaluate it');
  expect(() => mergeParts(set, [...whole, partWith(2)])).toThrow('part 2: given 2 times; give it once');
  expect(() => mergeParts(set, [...whole, partWith(4)])).toThrow('part 4: foreign, the set has 3 parts; leave it out');
  expect(() => mergeParts(set, [partWith(4), partWith(1)])).toThrow(
    /part 2: missing[^]*part 3: missing[^]*part 4: foreign/,
  );
});

test('a subnet that is missing, doubled or foreign is refused', () => {
  const others = [partWith(2), partWith(3)];
  const merged = (members: string[]) => (): unknown => mergeParts(set, [partWith(1, members), ...others]);
  expect(merged(['arch2'])).toThrow('expected 5 subnets, 5 of them evaluated, got 4 and 4; evaluate the parts again');
  expect(merged(['arch2', 'arch10', 'arch1'])).toThrow('expected each subnet once, got arch1 again');
  expect(merged(['arch2', 'arch99'])).toThrow('expected the subnets of the set, got others');
  const other = { ...partWith(1), rows: partWith(1).rows.map((row) => ({ ...row, code: '1003' })) };
  expect(() => mergeParts(set, [other, ...others])).toThrow('expected the subnets of the set, got others');
});

test('a long list of doubled subnets is named by its beginning', () => {
  const many = Array.from({ length: 30 }, (_, i) => `arch${i + 1}`);
  expect(() => mergeParts(setOf(many, 2), [partWith(1, many), partWith(2, many)])).toThrow(
    /got arch1, .*arch10 and 20 more again/,
  );
});

test('as many subnets must be evaluated as the budget pays for', () => {
  const rows = rowsOf(ids).map((row) => (row.id === 'arch3' ? { ...row, top1: NaN } : row));
  expect(mergeParts(setOf(ids, 1, 4), [{ part: 1, rows }])).toHaveLength(5);
  expect(() => mergeParts(setOf(ids, 1, 3), [{ part: 1, rows }])).toThrow(
    '5 subnets, 3 of them evaluated, got 5 and 4',
  );
  expect(() => mergeParts(setOf(ids, 1), [{ part: 1, rows }])).toThrow('5 subnets, 5 of them evaluated, got 5 and 4');
});

test("the tables of the parts become the final files, accuracies in the original's form", async () => {
  const root = temporaryFolder();
  const parts = partsOnDisk(root, { set, parts: whole });
  const { ranking } = await mergeResults(plainStageFiles(root, 'run/ranking'), { parts, smooth: false });
  expect(ranking).toMatchObject({
    table: { file: 'run/ranking/table_final.csv' },
    top1: { file: 'run/ranking/top1_json_final.json' },
    top5: { file: 'run/ranking/top5_json_final.json' },
    predictor: null,
    subnets: 5,
    json_results: 'one-shot/json_results/epoch1_all_test',
  });
  const text = ({ file }: { file: string }): string => readFileSync(path.join(root, file), 'utf8');
  expect(JSON.parse(text(ranking.top5))).toEqual({
    arch1: { arch: '1001', acc: 90 },
    arch2: { arch: '1002', acc: 90 },
    arch3: { arch: '1003', acc: 91 },
    arch10: { arch: '1010', acc: 91 },
    arch11: { arch: '1011', acc: 90 },
  });
  expect(text(ranking.top1).startsWith('{\n    "arch1": {\n        "arch": "1001",\n        "acc": 70.4\n    },')).toBe(
    true,
  );
  expect(text(ranking.table).split('\n')[3]).toBe(`arch3,1003,8,1000,2000,${70.4 + 1 / 3},91,${0.1 + 0.2},0.9`);
});

test("the competition's eight parts merge into its list, every accuracy to the digit", () => {
  const codes = configText('subnets/cvpr2022-track1.txt').trimEnd().split('\n');
  const list = codes.map((code, index) => ({ id: `arch${index + 1}`, code }));
  const rows = rowsOf(list.map(({ id }) => id)).map((row, index) => ({
    ...row,
    code: codes[index]!,
    top1: (100 * ((index * 7919) % 50_000)) / 50_000,
  }));
  const eighths = Array.from({ length: 8 }, (_, part) => {
    const own = rows.slice(5625 * part, 5625 * (part + 1));
    return { part: part + 1, rows: parseTable(tableText(own), 'table.csv') };
  });
  const competition = { ...set, parts: 8, subnets: { count: 45_000, sha256: sha256Of(listText(list)) } };
  expect(mergeParts(competition, eighths.toReversed())).toEqual(rows);
});

test('a part whose file was changed, or that was made of another set, is refused', async () => {
  const root = temporaryFolder();
  const parts = partsOnDisk(root, { set, parts: whole });
  const stage = plainStageFiles(root, 'run/ranking');
  const merged = (some: typeof parts) => mergeResults(stage, { parts: some, smooth: false });
  const other = { ...parts[1]!, set: { ...parts[1]!.set, sha256: 'd'.repeat(64) } };
  await expect(merged([parts[0]!, other, parts[2]!])).rejects.toThrow(
    /expected parts of one set, got part 1 of .* and part 2 of dddddddddddd/,
  );
  const file = path.join(root, parts[1]!.file);
  writeFileSync(file, readFileSync(file, 'utf8').replace('70.4', '99.9'));
  await expect(merged(parts)).rejects.toThrow(/run\/evaluate\/2\/table.csv: expected sha256/);
  await expect(merged([])).rejects.toThrow('expected at least one part');
});

test('a part that version 0.1.0 evaluated is refused with what to do', () => {
  const old = { top1: 'run/x/top1_json1.json', top5: 'run/x/top5_json1.json', sha256: {}, subnets: 3, set: {} };
  const { success, error } = MergeResultsConfig.safeParse({ parts: [old], smooth: false });
  expect(success).toBe(false);
  expect(error!.issues.map(({ message }) => message).join('\n')).toContain(
    'got a result of another version; cancel the run and start it again: what it trained is kept',
  );
});

test('a table is read as it was written, and its first broken line is named', () => {
  const plain = rowsOf(ids);
  const unscored = { top1: NaN, top5: NaN, crossEntropy: NaN, standardError: NaN };
  const predicted = plain.map((row, at) => ({
    ...row,
    ...(at === 1 ? unscored : {}),
    predicted: { top1: 60 + at / 7, top5: 80 },
  }));
  for (const rows of [plain, predicted]) expect(parseTable(tableText(rows), 't')).toEqual(rows);
  expect(tableText(predicted).split('\n')[2]).toBe(`arch2,1002,8,1000,2000,NaN,NaN,NaN,NaN,false,${60 + 1 / 7},80`);
  const wrong: [string, RegExp][] = [
    [tableText(plain).replace('id,', 'name,'), /^t:1: expected id,code,.*, got name,code/],
    [tableText(plain).replace('arch3,1003,8,', 'arch3,1003,'), /^t:4: expected 9 values, got arch3,1003,1000/],
    [tableText(plain).replace('arch3,1003,8,', 'arch3,1003,,'), /^t:4: expected 9 values, got arch3,1003,,1000/],
    [tableText(predicted).replace(/,80\n(?=arch3,)/, ',x\n'), /^t:3: expected 12 values, got arch2,/],
    [tableText(predicted).replace(/,80\n(?=arch3,)/, ',NaN\n'), /^t:3: expected 12 values, got arch2,/],
  ];
  for (const [text, message] of wrong) expect(() => parseTable(text, 't')).toThrow(message);
});
