import path from 'node:path';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readManifest } from '../../artifacts/results.ts';
import { parseTable, Ranking } from '../../nas/evaluation/ranking.ts';
import { wilson } from '../../nas/evaluation/search/search.ts';
import { tinySearch } from '../support/evaluation-configs.ts';
import { holdIn } from '../support/held-stage.ts';
import type { Hold } from '../support/held-stage.ts';
import { jobOf, startStage } from '../support/stage-process.ts';
import type { StageProcess } from '../support/stage-process.ts';
import { resultsWithSupernet } from '../support/untrained-supernet.ts';

const GENERATIONS = 4;

async function search(results: string, attempt = 1, environment: Hold['environment'] = {}): Promise<StageProcess> {
  const config = tinySearch(24 * GENERATIONS);
  return await startStage(
    'nas/evaluation/main.ts',
    jobOf('search-subnets', results, 'run/search', config, attempt),
    results,
    environment,
  );
}

async function madeBy(results: string, process: StageProcess): Promise<{ table: string; pareto: string }> {
  const done = await process.when(({ type }) => type === 'done');
  if (done.type !== 'done') throw new Error('expected done');
  const { table } = Ranking.parse(done.outputs['ranking']);
  const text = (file: string): string => readFileSync(path.join(results, file), 'utf8');
  return { table: text(table.file), pareto: text('run/search/pareto.csv') };
}

test('a search that is stopped between generations goes on to the same bits, and tests its Pareto set on other images', async () => {
  const [straight, stopped] = [await resultsWithSupernet(), await resultsWithSupernet()];
  const whole = await madeBy(straight, await search(straight));
  const { environment, release } = await holdIn('run/search', 'saving');
  const first = await search(stopped, 1, environment);
  await first.when((message) => message.type === 'progress' && message.phase === 'saving');
  first.child.kill('SIGTERM');
  await release();
  await first.when(({ type }) => type === 'stopped');
  const manifest = await readManifest(stopped, 'run/search');
  expect(manifest!.chunks.length).toBeLessThan(GENERATIONS);
  expect(manifest!.chunks.length).toBeGreaterThan(0);
  const again = await madeBy(stopped, await search(stopped, 2));
  expect(again).toEqual(whole);

  const rows = parseTable(whole.table, 'table');
  expect(rows).toHaveLength(24 * GENERATIONS);
  expect(Math.max(...rows.map(({ macs }) => macs))).toBeLessThanOrEqual(60_000);
  const [head, ...front] = whole.pareto
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
  expect(head).toEqual(['id', 'code', 'depth', 'parameters', 'macs', 'top1', 'low', 'high', 'top1_in_search']);
  expect(front.length).toBeGreaterThan(0);
  for (const [id, , , , macs, top1, low, high, inSearch] of front) {
    const row = rows.find((one) => one.id === id)!;
    expect([row.macs, row.top1]).toEqual([Number(macs), Number(inSearch)]);
    // Nothing that was evaluated is as cheap and better.
    expect(rows.some((one) => one.macs <= row.macs && one.top1 > row.top1)).toBe(false);
    expect(Number(low)).toBeLessThanOrEqual(Number(top1));
    expect(Number(high)).toBeGreaterThanOrEqual(Number(top1));
  }
});

test('the interval of an accuracy is Wilson’s', () => {
  // 50 of 100: (0.5 + z²/200) / (1 + z²/100) ± …, as in any table of it.
  expect(wilson({ top1: 50, images: 100 }).low).toBeCloseTo(40.383, 2);
  expect(wilson({ top1: 50, images: 100 }).high).toBeCloseTo(59.617, 2);
  expect(wilson({ top1: 0, images: 10 }).low).toBeCloseTo(0, 10);
  expect(wilson({ top1: 0, images: 10 }).high).toBeCloseTo(27.753, 2);
});
