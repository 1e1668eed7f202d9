import path from 'node:path';
import { writeFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { topTable } from '../../cli/top.ts';
import { tableText } from '../../nas/evaluation/ranking.ts';
import type { TableRow } from '../../nas/evaluation/ranking.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { nas } from '../support/nas.ts';
import { plainStageFiles } from '../support/plain-stage-files.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// Every command is a process of its own: seconds each where the machine is busy.
vi.setConfig({ testTimeout: 150_000 });

const sizes = [1, 2, 3, 4, 5].map((size) => ({ macs: size * 1e9, parameters: size * 1e6 }));
const measured = [70, 72, 71, 75, 75];
const predicted = [69, 70, 73, 74, 76];

function row(index: number, top1: number): TableRow {
  const own = { id: `arch${index + 1}`, code: `1${index}`, depth: 8, ...sizes[index]! };
  return { ...own, top1, top5: top1 + 10, crossEntropy: 1, standardError: 0.5, images: null, predicted: null };
}

/** Results with one merged ranking of a run named `r`, and its account of a predictor where it has one. */
async function resultsWith(table: string, predictor?: object, folder = 'r/ranking'): Promise<{ NAS_RESULTS: string }> {
  const root = temporaryFolder();
  const texts = { 'table_final.csv': table, ...(predictor && { 'predictor.json': JSON.stringify(predictor) }) };
  const files = await plainStageFiles(root, folder).put(texts);
  await finishedStage(root, 'r/ranking', 'merge-results', { files: Object.values(files) });
  return { NAS_RESULTS: root };
}

const plainTable = tableText(measured.map((top1, index) => row(index, top1)));
const plain = () => resultsWith(plainTable);

const figure = (estimate: number) => ({ estimate, low: 0, high: 1, standardError: 0.1, level: 0.95 });

/** Two of the five were evaluated. */
function withinBudget(): Promise<{ NAS_RESULTS: string }> {
  const rows = predicted.map((top1, index) => ({
    ...row(index, index < 2 ? measured[index]! : NaN),
    predicted: { top1, top5: top1 + 10 },
  }));
  const leaveOut = { folds: 10, tau: figure(0.7), rmse: figure(0.8) };
  return resultsWith(tableText(rows), {
    subnets: { evaluated: 2, predicted: 3 },
    top1: { leaveOut },
    baselines: {},
  });
}

async function idsOf(args: readonly string[], results: { NAS_RESULTS: string }): Promise<string[]> {
  const { stdout, stderr, code } = await nas(['top', 'r', '--json', ...args], results);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const { subnets } = JSON.parse(stdout);
  return subnets.map(({ id }: { id: string }) => id);
}

test('nas top ranks the best under limits, or as a Pareto front, by what was measured', async () => {
  const results = await plain();
  const [best, under, front] = await Promise.all([
    idsOf(['--count', '3'], results),
    idsOf(['--under-gmacs', '3', '--under-params', '2.5'], results),
    idsOf(['--pareto', 'parameters'], results),
  ]);
  expect(best).toEqual(['arch4', 'arch5', 'arch2']);
  expect(under).toEqual(['arch2', 'arch1']);
  expect(front).toEqual(['arch1', 'arch2', 'arch4']);
});

test('nas top goes by predictions where some subnets have no other score, and says so', async () => {
  const results = await withinBudget();
  const [ids, text] = await Promise.all([idsOf(['--pareto'], results), nas(['top', 'r', '--count', '1'], results)]);
  expect(ids).toEqual(['arch1', 'arch2', 'arch3', 'arch4', 'arch5']);
  expect(text.stdout).toContain('76.00 ± 0.80');
  expect(text.stdout).toContain('predicted from 2 that were evaluated');
});

test('a run without a ranking, without predictions, or a limit that is no number is refused with exit code 2', async () => {
  const results = await plain();
  await finishedStage(results.NAS_RESULTS, 'other/one', 'command', {});
  const [none, smoothed, limit, nothing] = await Promise.all([
    nas(['top', 'other'], results),
    nas(['top', 'r', '--smoothed'], results),
    nas(['top', 'r', '--under-gmacs', 'few'], results),
    nas(['top', 'r', '--under-gmacs', '0.5'], results),
  ]);
  expect(none).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('run other: expected a merged ranking, got none'),
  });
  expect(smoothed).toMatchObject({ code: 2, stderr: expect.stringContaining('merge with `smooth: true`') });
  expect(limit).toMatchObject({ code: 2, stderr: expect.stringContaining('expected a number above 0') });
  expect(nothing).toMatchObject({ code: 0, stdout: expect.stringContaining('the least are 1.00 GMACs and 1,000,000') });
});

test('a ranking that version 0.1.0 put beside the supernet is found, and one that was changed is refused', async () => {
  const results = await resultsWith(plainTable, undefined, 'r/2/json_results/epoch3_all_test');
  expect(await idsOf(['--count', '1'], results)).toEqual(['arch4']);
  writeFileSync(path.join(results.NAS_RESULTS, 'r/2/json_results/epoch3_all_test/table_final.csv'), plainTable + 'x');
  const { stderr } = await nas(['top', 'r'], results);
  expect(stderr).toContain('table_final.csv: expected sha256');
});

test('the table shows each accuracy with its error, and what the subnet costs', () => {
  const subnets = [
    { id: 'arch1', code: '1234', depth: 8, parameters: 1_234_567, macs: 2.5e9, score: 70, error: 0.5, evaluated: true },
  ];
  const text = topTable(subnets, 'measured', { ranked: 320, evaluated: 320, withinLimits: 12 });
  expect(text).toContain('arch1   70.00 ± 0.50  2.50   1,234,567   8      1234');
  expect(text).toContain('1 of 12 subnets within the limits, of 320 that are ranked');
});
