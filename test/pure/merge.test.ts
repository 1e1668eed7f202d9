import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { mergeFiles, mergeParts } from '../../nas/evaluation/merge.ts';
import type { PartReference, PartScores } from '../../nas/evaluation/merge.ts';
import { jsonText, rankingNames, sha256Of, tableText } from '../../nas/evaluation/ranking-files.ts';
import type { RankingSet } from '../../nas/evaluation/ranking-files.ts';
import { committedSpace } from '../support/spaces.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const ids = ['arch1', 'arch2', 'arch3', 'arch10', 'arch11'];
const codeOf = (id: string): string => `1${id.slice(4).padStart(3, '0')}`;
const partOf: Record<string, number> = { arch1: 2, arch2: 1, arch3: 2, arch10: 1, arch11: 3 };

const set: RankingSet = {
  version: 1,
  space: committedSpace('fashion'),
  n_classes: 10,
  supernet: 'a'.repeat(64),
  test: { part: 'test', sha256: 'b'.repeat(64) },
  calibration: { part: 'calibration', sha256: 'c'.repeat(64), batches: 2, batch_size: 100 },
  precision: 'float32',
  parts: 3,
  subnets: Object.fromEntries(ids.map((id) => [id, { arch: codeOf(id), part: partOf[id]! }])),
};

function partWith(part: number, members = ids.filter((id) => partOf[id] === part)): PartScores {
  const table = members.map((id, index) => ({
    id,
    code: codeOf(id),
    depth: 8,
    parameters: 1000,
    macs: 2000,
    top1: 70.4 + index / 3,
    top5: 90 + index,
    crossEntropy: 0.1 + 0.2,
    standardError: 0.9,
  }));
  const accuracies = (of: 'top1' | 'top5') =>
    Object.fromEntries(table.map((row) => [row.id, { arch: row.code, acc: row[of] }]));
  return { part, top1: accuracies('top1'), top5: accuracies('top5'), table };
}

test('parts come together in the order of the list, whatever order they come in', () => {
  const merged = mergeParts(set, [partWith(3), partWith(1), partWith(2)]);
  expect(Object.keys(merged.top1)).toEqual(ids);
  expect(Object.keys(merged.top5)).toEqual(ids);
  expect(merged.table.map(({ id }) => id)).toEqual(ids);
  expect(merged.top1['arch10']).toEqual({ arch: '1010', acc: 70.4 + 1 / 3 });
});

test('a part that is missing, doubled or foreign is refused by its number', () => {
  expect(() => mergeParts(set, [partWith(1), partWith(3)])).toThrow('part 2: missing; evaluate it');
  expect(() =>
    mergeParts(
      set,
      [1, 2, 3, 2].map((part) => partWith(part)),
    ),
  ).toThrow('part 2: given 2 times');
  expect(() =>
    mergeParts(
      set,
      [1, 2, 3, 4].map((part) => partWith(part)),
    ),
  ).toThrow('part 4: foreign, the set has 3');
});

test('a subnet that is missing, doubled or foreign is refused by its name', () => {
  const others = [partWith(2), partWith(3)];
  expect(() => mergeParts(set, [partWith(1, ['arch2']), ...others])).toThrow('part 1: top1: missing arch10');
  expect(() => mergeParts(set, [partWith(1, ['arch2', 'arch10', 'arch1']), ...others])).toThrow(
    'part 1: top1: foreign arch1',
  );
  expect(() => mergeParts(set, [partWith(1, ['arch2', 'arch10', 'arch99']), ...others])).toThrow('foreign arch99');
  expect(() => mergeParts(set, [partWith(1, ['arch2', 'arch10', 'arch2']), ...others])).toThrow('table: doubled arch2');
  const renamed = partWith(1);
  expect(() =>
    mergeParts(set, [{ ...renamed, top5: { ...renamed.top5, arch2: { arch: '1003', acc: 1 } } }, ...others]),
  ).toThrow('part 1: top5: foreign arch2');
  expect(() =>
    mergeParts(set, [{ ...renamed, top1: { ...renamed.top1, arch2: { arch: '1002', acc: 1 } } }, ...others]),
  ).toThrow('part 1: table: other accuracies than the JSON files for arch2');
});

test('every problem is named at once, long lists by their beginning', () => {
  const many = Array.from({ length: 30 }, (_, i) => `arch${i + 1}`);
  const large = {
    ...set,
    parts: 2,
    subnets: Object.fromEntries(many.map((id) => [id, { arch: codeOf(id), part: 1 }])),
  };
  expect(() => mergeParts(large, [partWith(1, [])])).toThrow(
    /part 2: missing[^]*part 1: top1: missing arch1, .*arch10 and 20 more[^]*top5: missing/,
  );
});

async function written(root: string, parts: readonly PartScores[]): Promise<PartReference[]> {
  const folder = 'run/one-shot/json_results/epoch3';
  await mkdir(path.join(root, folder), { recursive: true });
  await writeFile(path.join(root, folder, 'set.json'), jsonText(set));
  return await Promise.all(
    parts.map(async (part) => {
      const names = rankingNames(part.part);
      const [top1, top5] = [jsonText(part.top1), jsonText(part.top5)];
      await writeFile(path.join(root, folder, names.top1), top1);
      await writeFile(path.join(root, folder, names.top5), top5);
      await writeFile(path.join(root, folder, names.table), tableText(part.table));
      return {
        top1: `${folder}/${names.top1}`,
        top5: `${folder}/${names.top5}`,
        sha256: { top1: sha256Of(top1), top5: sha256Of(top5) },
        set: { sha256: sha256Of(jsonText(set)), part: part.part, parts: 3 },
      };
    }),
  );
}

test("the files of the parts become the final ones, in the original's form", async () => {
  const root = temporaryFolder();
  const merged = await mergeFiles(
    root,
    await written(
      root,
      [1, 2, 3].map((part) => partWith(part)),
    ),
  );
  expect(merged.top1.file).toBe('run/one-shot/json_results/epoch3/top1_json_final.json');
  expect(merged.top5.file).toBe('run/one-shot/json_results/epoch3/top5_json_final.json');
  expect(merged.table.file).toBe('run/one-shot/json_results/epoch3/table_final.csv');
  expect(merged.subnets).toBe(5);
  expect(JSON.parse(merged.top5.text)).toEqual({
    arch1: { arch: '1001', acc: 90 },
    arch2: { arch: '1002', acc: 90 },
    arch3: { arch: '1003', acc: 91 },
    arch10: { arch: '1010', acc: 91 },
    arch11: { arch: '1011', acc: 90 },
  });
  expect(merged.table.text.split('\n')[3]).toBe(`arch3,1003,8,1000,2000,${70.4 + 1 / 3},91,${0.1 + 0.2},0.9`);
});

test('a part whose file was changed, or that was made of another set, is refused', async () => {
  const root = temporaryFolder();
  const references = await written(
    root,
    [1, 2, 3].map((part) => partWith(part)),
  );
  const other = { ...references[1]!, set: { ...references[1]!.set, sha256: 'd'.repeat(64) } };
  await expect(mergeFiles(root, [references[0]!, other, references[2]!])).rejects.toThrow(
    /expected parts of one set, got part 1 of .* and part 2 of dddddddddddd/,
  );
  const file = path.join(root, references[1]!.top1);
  await writeFile(file, (await readFile(file, 'utf8')).replace('70.4', '99.9'));
  await expect(mergeFiles(root, references)).rejects.toThrow(/top1_json2.json: expected sha256/);
  await expect(mergeFiles(root, [])).rejects.toThrow('expected at least one part');
});
