import path from 'node:path';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { sha256Of } from '../../artifacts/files.ts';
import { groupsOf, noiseCeiling, reliability } from '../../nas/evaluation/agreement.ts';
import {
  chosenBy,
  groundTruthTable,
  GroundTruthTableConfig,
  readGroundTruth,
  truthAt,
} from '../../nas/evaluation/ground-truth.ts';
import { loadPipeline } from '../../pipelines/compile.ts';
import { plainStageFiles } from '../support/plain-stage-files.ts';
import { committedSpace, configText } from '../support/spaces.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const space = committedSpace('fashion');
const codes = configText('subnets/fashion-bench-sizes.txt').split('\n');
/** Top-1 of six subnets with three seeds each. */
const runs = [
  [70, 71, 70.5],
  [75, 74, 75.5],
  [80, 80.5, 81],
  [60, 62, 61],
  [61, 60, 61.5],
  [62, 61.5, 63],
];
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** `result.json` of the subnet at that position, as training alone leaves it: of its first seeds where not all were trained. */
function resultAt(root: string, at: number, seeds = 3): { file: string; sha256: string; arch: string; mean: number } {
  const file = `run/alone/${at + 1}/result.json`;
  const own = runs[at]!.slice(0, seeds);
  const result = {
    version: 1,
    arch: codes[at],
    images: 10_000,
    runs: own.map((top1, index) => ({ seed: index + 1, top1, top5: 99 })),
    mean: mean(own),
    standardError: seeds > 1 ? 0.25 : null,
  };
  const text = JSON.stringify(result);
  mkdirSync(path.join(root, path.dirname(file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
  return { file, sha256: sha256Of(text), arch: codes[at]!, mean: result.mean };
}

async function tableOf(places: {
  results: number[];
  bands?: Record<string, number[]>;
  holdOut?: number;
  /** By position, where not all three were trained. */
  seeds?: readonly number[];
}) {
  const root = temporaryFolder();
  const read = (some: number[]) => some.map((at) => resultAt(root, at, places.seeds?.[at]));
  const config = GroundTruthTableConfig.parse({
    space,
    n_classes: 10,
    results: read(places.results),
    ...(places.holdOut && { hold_out: places.holdOut }),
    ...(places.bands && {
      bands: Object.fromEntries(Object.entries(places.bands).map(([name, some]) => [name, read(some)])),
    }),
  });
  const { table } = await groundTruthTable(plainStageFiles(root, 'run/table'), config);
  const text = (name: string): string => readFileSync(path.join(root, 'run/table', name), 'utf8');
  expect(table).toEqual({ file: 'run/table/ground-truth.json', sha256: sha256Of(text('ground-truth.json')) });
  return { json: JSON.parse(text('ground-truth.json')), words: text('ground-truth.md').split('\n') };
}

const runsAt = (places: readonly number[]): number[][] => places.map((at) => runs[at]!);

test('a table has each subnet with its runs, and how high a tau their noise allows', async () => {
  const { json, words } = await tableOf({ results: [0, 1, 2, 3, 4, 5] });
  expect(Object.keys(json)).toEqual(['arch1', 'arch2', 'arch3', 'arch4', 'arch5', 'arch6']);
  expect(json.arch2).toEqual({ arch: codes[1], acc: mean(runs[1]!), standard_error: 0.25, runs: runs[1] });
  const share = reliability(runsAt([0, 1, 2, 3, 4, 5]));
  expect(words.slice(0, 2)).toEqual([
    '6 subnets trained alone, 3 seeds each: 60.83 to 80.50 %.',
    `Reliability of the means ${share.toFixed(3)} (correlation between seeds, Spearman-Brown): a perfect ranking reaches a tau of ${noiseCeiling(share).kendallTau.toFixed(3)} and a Pearson correlation of ${noiseCeiling(share).pearson.toFixed(3)} on average.`,
  ]);
  expect(words[3]).toBe('| subnet | code | top-1 % | standard error |');
  expect(words[5]).toBe(`| arch1 | \`${codes[0]}\` | 70.50 | 0.25 |`);
});

test('a table says how many seeds there are and how many subnets are held out, and nothing of noise that cannot be known', async () => {
  const headOf = async (places: Parameters<typeof tableOf>[0]): Promise<string[]> => {
    const { words } = await tableOf(places);
    return words.slice(0, words.indexOf(''));
  };
  expect(await headOf({ results: [0, 1, 2, 3, 4, 5], seeds: [3, 2, 3, 2, 3, 3], holdOut: 2 })).toEqual([
    '6 subnets trained alone, 3 of them held out, 2 to 3 seeds each: 60.83 to 80.50 %.',
    expect.stringMatching(/^Reliability of the means/),
  ]);
  // One seed of each does not tell how much seeds differ, nor do two subnets.
  expect(await headOf({ results: [0, 1, 2], seeds: [1, 1, 1] })).toEqual([
    '3 subnets trained alone, 1 seed each: 70.00 to 80.00 %.',
  ]);
  expect(await headOf({ results: [0, 1, 2], seeds: [3, 1, 3] })).toHaveLength(1);
  expect(await headOf({ results: [0, 1] })).toHaveLength(1);
  expect(await headOf({ results: [0, 1, 2], seeds: [2, 2, 2] })).toHaveLength(2);
  const { words } = await tableOf({ results: [0], seeds: [1] });
  expect(words).toEqual([
    '1 subnet trained alone, 1 seed each: 70.00 to 70.00 %.',
    '',
    '| subnet | code | top-1 % | standard error |',
    '| --- | --- | --- | --- |',
    `| arch1 | \`${codes[0]}\` | 70.00 |  |`,
    '',
  ]);
});

test('with bands, each subnet names its own, and each band has its own reliability', async () => {
  const { json, words } = await tableOf({ results: [0], bands: { small: [3, 4, 5], large: [1, 2] } });
  expect(Object.values<{ band?: string }>(json).map(({ band }) => band)).toEqual([
    undefined,
    'small',
    'small',
    'small',
    'large',
    'large',
  ]);
  const inside = reliability(runsAt([3, 4, 5]));
  expect(inside).toBeLessThan(reliability(runsAt([0, 3, 4, 5, 1, 2])));
  expect(words.slice(2, 5)).toEqual([
    'Within the bands:',
    `small: 3 subnets, reliability ${inside.toFixed(3)}, tau at most ${noiseCeiling(inside).kendallTau.toFixed(3)} on average.`,
    '',
  ]);
  expect(words[7]).toBe(`| arch1 |  | \`${codes[0]}\` | 70.50 | 0.25 |`);
  expect(words[8]).toBe(`| arch2 | small | \`${codes[3]}\` | 61.00 | 0.25 |`);
});

test('every Nth subnet of each band is held out, and read so', async () => {
  const { json } = await tableOf({ results: [0, 1], bands: { small: [3, 4, 5] }, holdOut: 2 });
  expect(Object.values<{ held_out?: true }>(json).map((one) => one.held_out)).toEqual([
    undefined,
    true,
    undefined,
    true,
    undefined,
  ]);
  const file = path.join('test', 'fixtures', 'ground-truth-banded.json');
  const truth = await readGroundTruth(space, { file, sha256: sha256Of(readFileSync(file)) });
  expect(truth.bands).toEqual(['small', 'small', 'large', 'large', null]);
  expect(chosenBy(truth)).toEqual([0, 2, 4]);
  const part = truthAt(truth, [4, 1]);
  expect([part.names, [...part.accuracies], part.bands, part.heldOut]).toEqual([
    ['arch5', 'arch2'],
    [81, 72],
    [null, 'small'],
    [false, true],
  ]);
  expect(part.runs).toEqual([
    [80.5, 81.5],
    [71.5, 72.5],
  ]);
});

test('a table of no subnets is refused, a result that was changed too', async () => {
  const none = GroundTruthTableConfig.safeParse({ space, n_classes: 10, results: [] });
  expect(none.error?.issues).toMatchObject([{ path: ['results'], message: expect.stringContaining('got none') }]);
  const root = temporaryFolder();
  const changed = { ...resultAt(root, 0), sha256: '0'.repeat(64) };
  await expect(
    groundTruthTable(plainStageFiles(root, 'run/table'), { space, n_classes: 10, results: [changed] }),
  ).rejects.toThrow('run/alone/1/result.json: expected sha256 0000');
});

const source = (file: string) => ({ file, sha256: sha256Of(configText(file.slice('configs/'.length))) });

test('a ground truth is read with its single runs where it has them', async () => {
  const fashion = await readGroundTruth(space, source('configs/ground-truth/fashion.json'));
  expect(fashion.accuracies).toHaveLength(30);
  expect(fashion.runs?.[0]).toEqual([85.56, 85.23, 85.3]);
  expect(fashion.accuracies[0]).toBeCloseTo(mean([85.56, 85.23, 85.3]), 10);
  const competition = await readGroundTruth(
    committedSpace('imagenet'),
    source('configs/ground-truth/cvpr2022-track1.json'),
  );
  expect(competition.subnets).toHaveLength(30);
  expect(competition.runs).toBeNull();
});

test('a ground truth without an accuracy is refused', async () => {
  await expect(readGroundTruth(space, source('configs/subnets/fashion-bench-sizes.txt'))).rejects.toThrow(
    'configs/subnets/fashion-bench-sizes.txt: arch1: expected an accuracy (acc), got none; train it alone',
  );
});

const Cell = z.object({ arch: z.object({ code: z.string() }) });

test("the benchmark's table takes every subnet of its lists once, those of a band under its name", () => {
  const { stages } = loadPipeline('pipelines/fashion-bench.yml');
  const cells = stages.flatMap(({ matrix }) => (matrix ?? []).map((cell) => Cell.parse(cell).arch.code));
  const lists = ['fashion-bench-sizes', 'fashion-bench-bands'].map((name) => configText(`subnets/${name}.txt`));
  expect(cells).toEqual(lists.join('').trimEnd().split('\n'));
  const table = stages.find(({ id }) => id === 'table')!;
  expect(table.with).toMatchObject({
    results: '${{ stages.sizes.result }}',
    bands: {
      '3000 parameters': '${{ stages.band-3000.result }}',
      '4500 parameters': '${{ stages.band-4500.result }}',
      '6700 parameters': '${{ stages.band-6700.result }}',
      '10000 parameters': '${{ stages.band-10000.result }}',
    },
  });
});

const Seeds = z.object({ seeds: z.array(z.int()) });

test("the benchmark's table has every subnet of its pipeline with as many runs as seeds, a third of each band held out", async () => {
  const { stages } = loadPipeline('pipelines/fashion-bench.yml');
  const trained = stages.filter(({ matrix }) => matrix !== null);
  const expected = trained.flatMap(({ id, matrix, with: given }) =>
    matrix!.map((cell, at) => ({
      arch: Cell.parse(cell).arch.code,
      runs: Seeds.parse(given).seeds.length,
      band: id === 'sizes' ? null : `${id.slice('band-'.length)} parameters`,
      heldOut: (at + 1) % 3 === 0,
    })),
  );
  const entries = z.record(z.string(), z.object({ arch: z.string(), acc: z.number(), runs: z.array(z.number()) }));
  const listed = Object.values(entries.parse(JSON.parse(configText('ground-truth/fashion-bench.json'))));
  const truth = await readGroundTruth(space, source('configs/ground-truth/fashion-bench.json'));
  const found = listed.map(({ arch, runs: own }, at) => ({
    arch,
    runs: own.length,
    band: truth.bands[at],
    heldOut: truth.heldOut[at],
  }));
  expect(found).toEqual(expected);
  for (const { acc, runs: own } of listed) expect(acc).toBeCloseTo(mean(own), 9);
});

test("the quickstart's ground truth is fifteen subnets of each of the benchmark's two bands that are known best", () => {
  const entries = z.record(
    z.string(),
    z.looseObject({ band: z.string().optional(), held_out: z.boolean().optional() }),
  );
  const [bench, bands] = ['bench', 'bands'].map((name) =>
    Object.values(entries.parse(JSON.parse(configText(`ground-truth/fashion-${name}.json`)))),
  );
  const expected = ['3000 parameters', '4500 parameters'].flatMap((name) =>
    bench!.filter(({ band }) => band === name).slice(0, 15),
  );
  expect(bands).toEqual(expected.map((entry) => ({ ...entry, held_out: undefined })));
});

test('of what differs inside bands of the benchmark at least seven tenths are no noise, and nineteen twentieths over all sizes', async () => {
  const { runs: all, bands } = await readGroundTruth(space, source('configs/ground-truth/fashion-bench.json'));
  const shareOf = (places: readonly number[]): number => reliability(places.map((at) => all![at]!));
  const sizes = [...bands.keys()].filter((at) => bands[at] === null);
  expect(mean(groupsOf(bands).map(shareOf))).toBeGreaterThan(0.7);
  expect(shareOf(sizes)).toBeGreaterThan(0.95);
});

test('single runs are known where each subnet has several', async () => {
  const root = temporaryFolder();
  const runsOf = async (own: readonly (number[] | undefined)[]) => {
    const entries = own.map((some, at) => [`arch${at + 1}`, { arch: codes[at], acc: 70, ...(some && { runs: some }) }]);
    const text = JSON.stringify(Object.fromEntries(entries));
    const file = path.join(root, 'truth.json');
    writeFileSync(file, text);
    return (await readGroundTruth(space, { file, sha256: sha256Of(text) })).runs;
  };
  expect(
    await runsOf([
      [70, 71],
      [69, 72],
    ]),
  ).toEqual([
    [70, 71],
    [69, 72],
  ]);
  expect(await runsOf([[70, 71], [69]])).toBeNull();
  expect(await runsOf([[70, 71], undefined])).toBeNull();
});
