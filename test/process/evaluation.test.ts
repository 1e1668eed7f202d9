import path from 'node:path';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { claimStage } from '../../artifacts/fence.ts';
import { atomicWrite } from '../../artifacts/files.ts';
import { readManifest } from '../../artifacts/manifest.ts';
import type { EvaluateSubnetsConfig } from '../../nas/evaluation/config.ts';
import { mergeFiles } from '../../nas/evaluation/merge.ts';
import { Accuracies } from '../../nas/evaluation/ranking-files.ts';
import { Supernet } from '../../nas/supernet/network.ts';
import { saveSupernet } from '../../nas/supernet/weights.ts';
import { RankingPartReference } from '../../nas/evaluation/merge.ts';
import type { RankingPart } from '../../plan/results.ts';
import { jobOf, startStage } from '../support/stage-process.ts';
import type { StageProcess } from '../support/stage-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/training-configs.ts';

const { space, dataset } = tinySupernet();
const SUPERNET = 'run/one-shot/0.5_1.safetensors';
const RANKING = 'run/one-shot/json_results/epoch1_all_test';
let weights: Buffer;
let sha256: string;

beforeAll(() => {
  const folder = mkdtempSync(path.join(tmpdir(), 'fewshot-nas-'));
  const file = path.join(folder, 'net.safetensors');
  const net = Supernet.build({ space, classes: 10, groups: 1, seed: 1 });
  ({ sha256 } = saveSupernet(net, file));
  net.dispose();
  weights = readFileSync(file);
  rmSync(folder, { recursive: true });
});

async function resultsWithSupernet(): Promise<string> {
  const results = temporaryFolder();
  await atomicWrite(path.join(results, SUPERNET), weights);
  return results;
}

function configOf(changes: Partial<EvaluateSubnetsConfig> = {}): EvaluateSubnetsConfig {
  return {
    space,
    dataset,
    n_classes: 10,
    supernet: { file: SUPERNET, sha256, epoch: 1, groups: 1 },
    subnets: { sample: { count: 24, seed: 1, way: 'random' } },
    budget: null,
    part: 1,
    parts: 2,
    cut: 'tree',
    test_set: 1,
    calibration: { part: 'calibration', batches: 2, batch_size: 60 },
    batch_size: 100,
    chunk: 2,
    precision: 'float32',
    threads: 1,
    ...changes,
  };
}

function evaluate(results: string, changes: Partial<EvaluateSubnetsConfig> = {}, attempt = 1): StageProcess {
  const config = configOf(changes);
  const job = jobOf('evaluate-subnets', results, `run/evaluate/${config.part}`, config, attempt);
  return startStage('nas/evaluation/main.ts', job, results);
}

async function partOf(process: StageProcess): Promise<RankingPart> {
  const done = await process.when(({ type }) => type === 'done');
  if (done.type !== 'done') throw new Error('expected done');
  return RankingPartReference.parse(done.outputs['part']);
}

/** Every file of the ranking with its text. */
function ranking(results: string): Record<string, string> {
  const folder = path.join(results, RANKING);
  return Object.fromEntries(readdirSync(folder).map((file) => [file, readFileSync(path.join(folder, file), 'utf8')]));
}

function accuraciesIn(text: string): Accuracies {
  return Accuracies.parse(JSON.parse(text));
}

async function afterChunks(results: string, count: number): Promise<void> {
  while (((await readManifest(results, 'run/evaluate/1'))?.chunks.length ?? 0) < count) await sleep(5);
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
    const part = await partOf(evaluate(results));
    return { part, files: ranking(results) };
  })());
}

test("an evaluation writes the original's files and says what they hold", async () => {
  const { part, files: text } = await straight();
  expect(Object.keys(text)).toEqual(['set.json', 'table1.csv', 'top1_json1.json', 'top5_json1.json']);
  expect(part).toMatchObject({ top1: `${RANKING}/top1_json1.json`, set: { part: 1, parts: 2 } });
  const top1 = accuraciesIn(text['top1_json1.json']!);
  for (const [id, { arch, acc }] of Object.entries(top1)) {
    expect(id).toMatch(/^arch\d+$/);
    expect(arch).toMatch(/^1\d+$/);
    // 200 images: half a percent each.
    expect(acc * 2).toBe(Math.round(acc * 2));
  }
  expect(text['table1.csv']!.trim().split('\n')).toHaveLength(Object.keys(top1).length + 1);
});

test('two parts merge into what one alone finds, but for the odd rounding', async () => {
  const { part, files } = await straight();
  const results = await resultsWithSupernet();
  const second = await partOf(evaluate(results, { part: 2 }));
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(results, RANKING, name), text);
  const merged = await mergeFiles(results, [second, part]);
  const whole = await resultsWithSupernet();
  await partOf(evaluate(whole, { parts: 1, chunk: 100 }));
  const alone = accuraciesIn(ranking(whole)['top1_json1.json']!);
  expect(merged.subnets).toBe(24);
  for (const [id, { acc }] of Object.entries(accuraciesIn(merged.top1.text))) {
    expect(Math.abs(acc - alone[id]!.acc), id).toBeLessThanOrEqual(0.5);
  }
});

test('within a budget the parts evaluate that many, and the ranking predicts the others', async () => {
  const results = await resultsWithSupernet();
  const within = { budget: 20, chunk: 100 };
  const parts = await Promise.all([1, 2].map((part) => partOf(evaluate(results, { ...within, part }))));
  expect(parts.map(({ subnets }) => subnets).reduce((sum, count) => sum + count, 0)).toBe(20);
  const { top1, table } = await mergeFiles(results, parts);
  expect(Object.keys(accuraciesIn(top1.text))).toEqual(Array.from({ length: 24 }, (_, index) => `arch${index + 1}`));
  expect(table.text.match(/,true,/g)).toHaveLength(20);
  expect(table.text.match(/,false,/g)).toHaveLength(4);
});

test('killed, it goes on at its last recorded chunk, to the same bytes', async () => {
  const results = await resultsWithSupernet();
  const first = evaluate(results);
  await afterChunks(results, 2);
  first.child.kill('SIGKILL');
  await first.ended;
  const { chunks } = (await readManifest(results, 'run/evaluate/1'))!;
  const second = evaluate(results, {}, 2);
  expect(await partOf(second)).toEqual((await straight()).part);
  expect(ranking(results)).toEqual((await straight()).files);
  const after = (await readManifest(results, 'run/evaluate/1'))!.chunks;
  expect(after.slice(0, chunks.length)).toEqual(chunks);
  const seen = second.messages.flatMap((message) => (message.type === 'progress' ? (message.subnets ?? []) : []));
  expect(Math.min(...seen)).toBeGreaterThanOrEqual(2 * chunks.length);
});

test('asked to stop, it says so, and the next attempt redoes a damaged chunk', async () => {
  const results = await resultsWithSupernet();
  const first = evaluate(results);
  await afterChunks(results, 2);
  first.child.kill('SIGTERM');
  expect(await first.ended).toMatchObject({ code: 0, signal: null });
  expect(first.messages.at(-1)).toMatchObject({ type: 'stopped' });
  const { chunks } = (await readManifest(results, 'run/evaluate/1'))!;
  await writeFile(path.join(results, chunks[1]!.file), 'half a chunk');
  const second = evaluate(results, {}, 2);
  expect(await partOf(second)).toEqual((await straight()).part);
  expect((await second.ended).log).toContain(`${chunks[1]!.file}: expected sha256`);
  expect(ranking(results)).toEqual((await straight()).files);
});

test('an attempt that was overtaken is refused and leaves no ranking', async () => {
  const results = await resultsWithSupernet();
  const stale = evaluate(results);
  await afterChunks(results, 1);
  const job = jobOf('evaluate-subnets', results, 'run/evaluate/1', configOf(), 2);
  const claim = { uses: 'evaluate-subnets', fingerprint: job.fingerprint, config: null, environment: {} };
  await claimStage(results, job.directory, job.token, { ...claim, device: 'cpu', queued: new Date().toISOString() });
  expect(await stale.ended).toMatchObject({ code: 1 });
  expect(stale.messages.at(-1)).toMatchObject({ type: 'failed', ending: 'Fenced' });
  expect(readdirSync(path.join(results, 'run/one-shot'))).toEqual(['0.5_1.safetensors']);
});

test('bad input is told as such', async () => {
  const results = await resultsWithSupernet();
  const { supernet } = configOf();
  const refusals: [Partial<EvaluateSubnetsConfig>, RegExp][] = [
    [{ supernet: { ...supernet, sha256: '0'.repeat(64) } }, /0.5_1.safetensors: expected sha256 0000/],
    [{ supernet: { ...supernet, groups: 2 } }, /expected a supernet with groups 2, got groups 1/],
  ];
  for (const [changes, message] of refusals) {
    const refused = evaluate(results, changes);
    expect(await refused.ended).toMatchObject({ code: 1 });
    const last = refused.messages.at(-1);
    expect(last).toMatchObject({ type: 'failed', ending: 'BadInput' });
    expect(JSON.stringify(last)).toMatch(message);
  }
});
