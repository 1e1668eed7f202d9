import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openDataset } from '../../nas/data/open.ts';
import { parseTable, Ranking, RankingPart, RankingSet } from '../../nas/evaluation/ranking.ts';
import { ZeroCostRecord } from '../../nas/evaluation/zero-cost/config.ts';
import { tinyPart, tinySearch, tinyZeroCost } from '../support/evaluation-configs.ts';
import { directory, doHere, textIn, withSlowClock } from '../support/stage-here.ts';
import type { Done } from '../support/stage-here.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { resultsWithSupernet } from '../support/untrained-supernet.ts';

// The stages that evaluate, from their first message to their last; test/process kills them.

const part = tinyPart({ part: 2, chunk: 5 });
const { space, dataset, supernet, calibration } = part;
const search = tinySearch(72);
const zeroCost = tinyZeroCost();

/** What an output says of a file. */
const fileOf = (name: string): object => ({
  file: `${directory}/${name}`,
  sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
});
const filesIn = (results: string, ...names: string[]): string[] => names.map((name) => textIn(results, name));
const countsOf = ({ progress }: Done, phase: string): (number | undefined)[] =>
  progress.filter((one) => one.phase === phase).map(({ subnets }) => subnets);
const isRising = (counts: readonly (number | undefined)[]): boolean =>
  counts.every((count, at) => at === 0 || count! >= counts[at - 1]!);

test('an evaluation says how many of its subnets are done, how fast, and what it is at', async () => {
  const results = await resultsWithSupernet();
  const done = await doHere('evaluate-subnets', results, part);
  const made = RankingPart.parse(Object(done.outputs).part);
  expect(done.progress[0]).toEqual({
    version: 1,
    type: 'progress',
    phase: 'loading',
    epoch: 1,
    epochs: 0,
    step: 0,
    steps: 0,
  });
  const saved = [5, 10, made.subnets, made.subnets].filter((count) => count <= made.subnets);
  expect([...new Set(countsOf(done, 'saving'))]).toEqual([...new Set(saved)]);
  const counts = done.progress.slice(1).map(({ subnets }) => subnets);
  expect(isRising(counts)).toBe(true);
  for (const { phase, subnetsTotal, subnetsPerSecond, step, steps } of done.progress.slice(1)) {
    expect(subnetsTotal).toBe(made.subnets);
    if (phase === 'saving') continue;
    expect(steps).toBe(4);
    expect(phase === 'calibrating' ? step < 2 : step >= 2 && step < 4).toBe(true);
    expect(subnetsPerSecond).toBeGreaterThanOrEqual(0);
  }
  const chunks = done.manifest.chunks.map(({ from, to }) => [from, to]);
  expect(chunks.at(-1)?.[1]).toBe(made.subnets);
  expect(chunks[1]).toEqual([5, 10]);
});

test('the pace of an evaluation is that of this attempt', async () => {
  const results = await resultsWithSupernet();
  let now = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  onTestFinished(() => void vi.restoreAllMocks());
  const onTurn = (): void => void (now += 500);
  await doHere('evaluate-subnets', results, { ...part, chunk: 1 }, { onTurn, stopAt: ({ subnets }) => subnets === 4 });
  const { progress } = await doHere('evaluate-subnets', results, { ...part, chunk: 1 }, { onTurn, attempt: 2 });
  const begun = progress.filter(({ phase, step }) => phase === 'calibrating' && step === 0);
  const [first, second] = begun.slice(1).map(({ subnetsPerSecond }) => subnetsPerSecond);
  // A subnet in each half second.
  expect([first, second]).toEqual([2, 2]);
});

test('the set of a part says all that parts have to have in common', async () => {
  const results = await resultsWithSupernet();
  const racing = { pilots: 20, share: 0.5, top: 1 };
  const subnets = { sample: { count: 60, seed: 1, way: 'random' } };
  const { outputs } = await doHere('evaluate-subnets', results, { ...part, racing, subnets, chunk: 100 });
  const opened = await openDataset(dataset);
  const set = RankingSet.parse(JSON.parse(textIn(results, 'set.json')));
  expect(set).toEqual({
    version: 2,
    space,
    n_classes: 10,
    supernet: { sha256: supernet.sha256, epoch: 1, groups: 1 },
    test: { part: 'test', sha256: opened.part('test').sha256 },
    calibration: { ...calibration, sha256: opened.part('calibration').sha256 },
    precision: 'float32',
    parts: 2,
    budget: null,
    racing,
    subnets: { count: 60, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
  });
  expect(outputs).toMatchObject({
    part: {
      file: `${directory}/table.csv`,
      set: { file: `${directory}/set.json`, part: 2, parts: 2 },
      json_results: 'one-shot/json_results/epoch1_all_test',
    },
  });
});

test('an evaluation that is stopped, inside a chunk or behind one, goes on to the same bytes', async () => {
  withSlowClock();
  const [straight, broken] = [await resultsWithSupernet(), await resultsWithSupernet()];
  await doHere('evaluate-subnets', straight, part);
  const inside = await doHere('evaluate-subnets', broken, part, { stopAt: ({ phase }) => phase === 'evaluating' });
  expect([inside.outputs, inside.manifest.chunks]).toEqual(['stopped', []]);
  const behind = await doHere('evaluate-subnets', broken, part, {
    attempt: 2,
    stopAt: ({ phase }) => phase === 'saving',
  });
  expect([behind.outputs, behind.manifest.chunks.length]).toEqual(['stopped', 1]);
  const rest = await doHere('evaluate-subnets', broken, part, { attempt: 3 });
  expect(Math.min(...rest.progress.slice(1).map(({ subnets }) => subnets!))).toBe(5);
  expect(rest.manifest.chunks[0]).toEqual(behind.manifest.chunks[0]);
  expect(filesIn(broken, 'table.csv', 'set.json')).toEqual(filesIn(straight, 'table.csv', 'set.json'));
});

test('asked to stop when nothing is left to do, an evaluation is done', async () => {
  const results = await resultsWithSupernet();
  const { outputs } = await doHere(
    'evaluate-subnets',
    results,
    { ...part, chunk: 100 },
    { stopAt: ({ phase }) => phase === 'saving' },
  );
  expect(outputs).toHaveProperty('part');
});

test('a chunk that was damaged, and all behind it, is evaluated again', async () => {
  const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  onTestFinished(() => void vi.restoreAllMocks());
  const [straight, damaged] = [await resultsWithSupernet(), await resultsWithSupernet()];
  await doHere('evaluate-subnets', straight, { ...part, chunk: 2 });
  const first = await doHere('evaluate-subnets', damaged, { ...part, chunk: 2 });
  const { file } = first.manifest.chunks[1]!;
  writeFileSync(path.join(damaged, file), '[]');
  const again = await doHere('evaluate-subnets', damaged, { ...part, chunk: 2 }, { attempt: 2 });
  expect(Math.min(...again.progress.slice(1).map(({ subnets }) => subnets!))).toBe(2);
  expect(said.mock.calls.map(([text]) => String(text))).toEqual([
    expect.stringMatching(/chunks\/2-4\.json: expected sha256 \w{64} and a first subnet 2; evaluated again from there/),
  ]);
  expect(again.manifest.chunks).toEqual(first.manifest.chunks);
  expect(filesIn(damaged, 'table.csv')).toEqual(filesIn(straight, 'table.csv'));
});

test('a search records generation after generation, and gives a ranking and its Pareto set', async () => {
  const results = await resultsWithSupernet();
  const done = await doHere('search-subnets', results, search);
  expect(countsOf(done, 'saving')).toEqual([24, 48, 72, 72]);
  const counts = done.progress.slice(1).map(({ subnets }) => subnets);
  expect(isRising(counts)).toBe(true);
  expect(new Set(done.progress.slice(1).map(({ subnetsTotal }) => subnetsTotal))).toEqual(new Set([72]));
  expect(Math.max(...countsOf(done, 'evaluating').map(Number))).toBe(72);
  expect(done.manifest.chunks.map(({ from, to }) => [from, to])).toEqual([
    [0, 24],
    [24, 48],
    [48, 72],
  ]);
  const ranking = Ranking.parse(Object(done.outputs).ranking);
  expect(done.outputs).toEqual({
    ranking: {
      table: expect.objectContaining(fileOf('table_final.csv')),
      top1: expect.objectContaining(fileOf('top1_json_final.json')),
      top5: expect.objectContaining(fileOf('top5_json_final.json')),
      predictor: null,
      subnets: 72,
      json_results: 'one-shot/json_results/epoch1',
    },
    pareto: expect.objectContaining(fileOf('pareto.csv')),
  });
  const rows = parseTable(textIn(results, path.basename(ranking.table.file)), 'table');
  const byId = (name: string): unknown[] =>
    Object.values<{ acc: number }>(JSON.parse(textIn(results, name))).map(({ acc }) => acc);
  expect(rows.map(({ top1 }) => top1)).toEqual(byId('top1_json_final.json'));
  expect(rows.map(({ top5 }) => top5)).toEqual(byId('top5_json_final.json'));
});

test('a search that is stopped, inside a generation, behind one or at its end, goes on to the same bytes', async () => {
  withSlowClock();
  const [straight, broken] = [await resultsWithSupernet(), await resultsWithSupernet()];
  await doHere('search-subnets', straight, search);
  const stops: [(message: { phase: string; subnets?: number | undefined }) => boolean, number][] = [
    [({ phase }) => phase === 'evaluating', 0],
    [({ phase }) => phase === 'saving', 1],
    [({ phase, subnets = 0 }) => phase === 'evaluating' && subnets > 24, 1],
    [({ phase, subnets }) => phase === 'calibrating' && subnets === 72, 3],
  ];
  let attempt = 1;
  for (const [stopAt, chunks] of stops) {
    const stopped = await doHere('search-subnets', broken, search, { attempt: attempt++, stopAt });
    expect([stopped.outputs, stopped.manifest.chunks.length]).toEqual(['stopped', chunks]);
  }
  const rest = await doHere('search-subnets', broken, search, { attempt });
  // What was recorded is not evaluated again.
  expect(countsOf(rest, 'saving')).toEqual([72]);
  const names = ['table_final.csv', 'pareto.csv'];
  expect(filesIn(broken, ...names)).toEqual(filesIn(straight, ...names));
});

async function scoredWith(seeds: number[]) {
  const results = temporaryFolder();
  const done = await doHere('zero-cost-scores', results, { ...zeroCost, seeds });
  return { done, record: ZeroCostRecord.parse(JSON.parse(textIn(results, 'zero-cost.json'))) };
}

test('scores without training are the means over the seeds, and count the subnets', async () => {
  const [{ done, record: both }, { record: first }, { record: second }] = [
    await scoredWith([1, 2]),
    await scoredWith([1]),
    await scoredWith([2]),
  ];
  expect(both).toMatchObject({ ground_truth: zeroCost.ground_truth.sha256, seeds: [1, 2], images: 16 });
  for (const name of ['gradient norm', 'log SynFlow', 'NASWOT'] as const) {
    expect(first.scores[name]).not.toEqual(second.scores[name]);
    both.scores[name].forEach((mean, at) =>
      expect(mean).toBeCloseTo((first.scores[name][at]! + second.scores[name][at]!) / 2, 10),
    );
  }
  const all = both.scores.NASWOT.length;
  expect(done.progress[0]).toMatchObject({ phase: 'loading', epoch: 0 });
  expect(done.progress.slice(1).map(({ subnets, subnetsTotal }) => [subnets, subnetsTotal])).toEqual(
    Array.from({ length: all }, (_, at) => [at, all]),
  );
  expect(done.outputs).toMatchObject({ scores: { file: `${directory}/zero-cost.json` } });
});

test('scoring without training stops where it is asked to', async () => {
  const { outputs, progress } = await doHere('zero-cost-scores', temporaryFolder(), zeroCost, {
    stopAt: ({ subnets }) => subnets === 2,
  });
  expect([outputs, progress.length]).toEqual(['stopped', 4]);
});
