import path from 'node:path';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { atomicWrite } from '../../artifacts/files.ts';
import { readManifest } from '../../artifacts/results.ts';
import type { EvaluateSubnetsConfig } from '../../nas/evaluation/config.ts';
import { mergeResults } from '../../nas/evaluation/merge.ts';
import { isEvaluated, parseTable, RankingPart, RankingSet } from '../../nas/evaluation/ranking.ts';
import type { Ranking } from '../../nas/evaluation/ranking.ts';
import type { TableRow } from '../../nas/evaluation/ranking.ts';
import { openDataset } from '../../nas/data/open.ts';
import { tinyPart } from '../support/evaluation-configs.ts';
import { holdIn } from '../support/held-stage.ts';
import type { Hold } from '../support/held-stage.ts';
import { plainStageFiles } from '../support/plain-stage-files.ts';
import { claimFor, jobOf, startStage } from '../support/stage-process.ts';
import type { StageProcess } from '../support/stage-process.ts';
import { resultsWithSupernet } from '../support/untrained-supernet.ts';

const { dataset } = tinyPart();

async function evaluate(
  results: string,
  changes: Partial<EvaluateSubnetsConfig> = {},
  attempt = 1,
  environment: Hold['environment'] = {},
): Promise<StageProcess> {
  const config = tinyPart(changes);
  const job = jobOf('evaluate-subnets', results, `run/evaluate/${config.part}`, config, attempt);
  return await startStage('nas/evaluation/main.ts', job, results, environment);
}

async function partOf(process: StageProcess): Promise<RankingPart> {
  const done = await process.when(({ type }) => type === 'done');
  if (done.type !== 'done') throw new Error('expected done');
  return RankingPart.parse(done.outputs['part']);
}

const PART_FILES = ['set.json', 'table.csv'];

/** The files of part 1 with their texts. */
function filesIn(results: string): Record<string, string> {
  const folder = path.join(results, 'run/evaluate/1');
  return Object.fromEntries(PART_FILES.map((file) => [file, readFileSync(path.join(folder, file), 'utf8')]));
}

/** Both parts merged. */
async function merged(results: string, parts: RankingPart[]): Promise<{ ranking: Ranking; rows: TableRow[] }> {
  const { ranking } = await mergeResults(plainStageFiles(results, 'run/ranking'), { parts, smooth: false });
  const { file } = ranking.table;
  return { ranking, rows: parseTable(readFileSync(path.join(results, file), 'utf8'), file) };
}

/** A first attempt at part 1 that has recorded so many chunks, and goes on with the next one when it is released. */
async function heldAfter(
  chunks: number,
  results: string,
  changes: Partial<EvaluateSubnetsConfig> = {},
): Promise<StageProcess & Pick<Hold, 'release'>> {
  const { environment, release } = await holdIn('run/evaluate/1', 'saving', chunks);
  const stage = await evaluate(results, changes, 1, environment);
  while (((await readManifest(results, 'run/evaluate/1'))?.chunks.length ?? 0) < chunks) await sleep(5);
  return { ...stage, release };
}

interface Evaluated {
  readonly part: RankingPart;
  readonly files: Record<string, string>;
}

let evaluated: Promise<Evaluated> | undefined;
/** Part 1 as an attempt makes it that nothing disturbs. */
function straight(): Promise<Evaluated> {
  return (evaluated ??= (async () => {
    const results = await resultsWithSupernet();
    const part = await partOf(await evaluate(results));
    return { part, files: filesIn(results) };
  })());
}

test('an evaluation writes one table of its part, and what the part has in common with the others', async () => {
  const { part, files } = await straight();
  expect(part).toMatchObject({
    file: 'run/evaluate/1/table.csv',
    set: { file: 'run/evaluate/1/set.json', part: 1, parts: 2 },
    json_results: 'one-shot/json_results/epoch1_all_test',
  });
  const rows = parseTable(files['table.csv']!, 'table.csv');
  expect(rows).toHaveLength(part.subnets);
  for (const { id, code, top1 } of rows) {
    expect(id).toMatch(/^arch\d+$/);
    expect(code).toMatch(/^1\d+$/);
    // 200 images: half a percent each.
    expect(top1 * 2).toBe(Math.round(top1 * 2));
  }
  const set = RankingSet.parse(JSON.parse(files['set.json']!));
  expect(set).toMatchObject({ parts: 2, test: { part: 'test' }, subnets: { count: 24 } });
  expect(set.test.sha256).not.toBe(set.calibration.sha256);
});

test('the ranking is made on the images that epochs are not selected by, unless the selection is asked for', async () => {
  const results = await resultsWithSupernet();
  await partOf(await evaluate(results, { test_set: 0, chunk: 100 }));
  const tests = [(await straight()).files, filesIn(results)].map(
    (files) => RankingSet.parse(JSON.parse(files['set.json']!)).test,
  );
  const opened = await openDataset(dataset);
  const expected = (['test', 'selection'] as const).map((name) => ({ part: name, sha256: opened.part(name).sha256 }));
  expect(tests).toEqual(expected);
});

test('two parts merge into what one alone finds, but for the odd rounding', async () => {
  const results = await resultsWithSupernet();
  const first = await straight();
  for (const [name, text] of Object.entries(first.files)) {
    await atomicWrite(path.join(results, 'run/evaluate/1', name), text);
  }
  const second = await partOf(await evaluate(results, { part: 2 }));
  const { ranking, rows } = await merged(results, [second, first.part]);
  const whole = await resultsWithSupernet();
  await partOf(await evaluate(whole, { parts: 1, chunk: 100 }));
  const alone = new Map(parseTable(filesIn(whole)['table.csv']!, 'table.csv').map((row) => [row.id, row]));
  expect(ranking.subnets).toBe(24);
  expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 24 }, (_, index) => `arch${index + 1}`));
  for (const { id, top1 } of rows) expect(Math.abs(top1 - alone.get(id)!.top1), id).toBeLessThanOrEqual(0.5);
});

test('within a budget the parts evaluate that many, and the ranking predicts the others', async () => {
  const results = await resultsWithSupernet();
  const within = { budget: 20, chunk: 100 };
  const parts = await Promise.all(
    [1, 2].map(async (part) => await partOf(await evaluate(results, { ...within, part }))),
  );
  expect(parts.map(({ subnets }) => subnets).reduce((sum, count) => sum + count, 0)).toBe(20);
  const { rows } = await merged(results, parts);
  expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: 24 }, (_, index) => `arch${index + 1}`));
  expect(rows.filter(isEvaluated)).toHaveLength(20);
  expect(rows.every(({ predicted }) => Number.isFinite(predicted?.top1))).toBe(true);
});

test('killed, it goes on at its last recorded chunk, to the same bytes', async () => {
  const results = await resultsWithSupernet();
  const first = await heldAfter(2, results);
  first.child.kill('SIGKILL');
  await first.ended;
  const { chunks } = (await readManifest(results, 'run/evaluate/1'))!;
  const second = await evaluate(results, {}, 2);
  expect(await partOf(second)).toEqual((await straight()).part);
  expect(filesIn(results)).toEqual((await straight()).files);
  const after = (await readManifest(results, 'run/evaluate/1'))!.chunks;
  expect(after.slice(0, chunks.length)).toEqual(chunks);
  const seen = second.messages.flatMap((message) => (message.type === 'progress' ? (message.subnets ?? []) : []));
  expect(Math.min(...seen)).toBeGreaterThanOrEqual(2 * chunks.length);
});

test('raced, it says what each accuracy rests on, and killed it goes on to the same bytes', async () => {
  const subnets = { sample: { count: 40, seed: 1, way: 'random' } } as const;
  const race = { subnets, parts: 1, chunk: 10, racing: { pilots: 20, share: 0.9, top: 1 } };
  const undisturbed = await resultsWithSupernet();
  const part = await partOf(await evaluate(undisturbed, race));
  const rows = parseTable(filesIn(undisturbed)['table.csv']!, 'table.csv');
  expect(rows).toHaveLength(40);
  expect(new Set(rows.map(({ images }) => images))).toEqual(new Set([180, 200]));
  expect(rows.filter(({ images }) => images === 200).length).toBeGreaterThanOrEqual(20);
  expect(RankingSet.parse(JSON.parse(filesIn(undisturbed)['set.json']!)).racing).toEqual(race.racing);
  const { rows: ranked } = await merged(undisturbed, [part]);
  expect(ranked.toSorted(byId)).toEqual(rows.toSorted(byId));
  const all = await resultsWithSupernet();
  await partOf(await evaluate(all, { subnets, parts: 1, chunk: 100 }));
  const alone = new Map(parseTable(filesIn(all)['table.csv']!, 'table.csv').map((row) => [row.id, row]));
  for (const { id, top1, images } of rows) {
    if (images === 200) expect(Math.abs(top1 - alone.get(id)!.top1), id).toBeLessThanOrEqual(0.5);
  }

  const results = await resultsWithSupernet();
  const first = await heldAfter(5, results, race);
  first.child.kill('SIGKILL');
  await first.ended;
  await partOf(await evaluate(results, race, 2));
  expect(filesIn(results)).toEqual(filesIn(undisturbed));
});

function byId(a: TableRow, b: TableRow): number {
  return a.id < b.id ? -1 : 1;
}

test('asked to stop, it says so, and the next attempt redoes a damaged chunk', async () => {
  const results = await resultsWithSupernet();
  const first = await heldAfter(2, results);
  first.child.kill('SIGTERM');
  await first.release();
  expect(await first.ended).toMatchObject({ code: 0, signal: null });
  expect(first.messages.at(-1)).toMatchObject({ type: 'stopped' });
  const { chunks } = (await readManifest(results, 'run/evaluate/1'))!;
  await writeFile(path.join(results, chunks[1]!.file), 'half a chunk');
  const second = await evaluate(results, {}, 2);
  expect(await partOf(second)).toEqual((await straight()).part);
  expect((await second.ended).log).toContain(`${chunks[1]!.file}: expected sha256`);
  expect(filesIn(results)).toEqual((await straight()).files);
});

test('an attempt that was overtaken is refused and leaves no table', async () => {
  const results = await resultsWithSupernet();
  const stale = await heldAfter(1, results);
  await claimFor(jobOf('evaluate-subnets', results, 'run/evaluate/1', tinyPart(), 2));
  await stale.release();
  expect(await stale.ended).toMatchObject({ code: 1 });
  expect(stale.messages.at(-1)).toMatchObject({ type: 'failed', ending: 'Fenced' });
  expect(readdirSync(path.join(results, 'run/evaluate/1'))).not.toContain('table.csv');
});

test('bad input is told as such', async () => {
  const results = await resultsWithSupernet();
  const { supernet } = tinyPart();
  const refusals: [Partial<EvaluateSubnetsConfig>, RegExp][] = [
    [{ supernet: { ...supernet, sha256: '0'.repeat(64) } }, /0.5_1.safetensors: expected sha256 0000/],
    [{ supernet: { ...supernet, groups: 2 } }, /expected a supernet with groups 2, got groups 1/],
  ];
  for (const [changes, message] of refusals) {
    const refused = await evaluate(results, changes);
    expect(await refused.ended).toMatchObject({ code: 1 });
    const last = refused.messages.at(-1);
    expect(last).toMatchObject({ type: 'failed', ending: 'BadInput' });
    expect(JSON.stringify(last)).toMatch(message);
  }
});
