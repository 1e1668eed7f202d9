import path from 'node:path';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { linesOf } from '../../artifacts/ledger.ts';
import type { Attempt } from '../../artifacts/manifest.ts';
import { lineageOf, lineageTree } from '../../cli/lineage.ts';
import { ledgerTable } from '../../cli/status.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { nas } from '../support/nas.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import type { JsonObject } from '../../plan/json.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** A finished stage of a run whose one output is a file of this text; what refers to it is given back. */
async function finish(root: string, directory: string, uses: string, config: JsonObject): Promise<JsonObject> {
  const file = `${directory}/result`;
  mkdirSync(path.join(root, directory), { recursive: true });
  writeFileSync(path.join(root, file), directory);
  const output = { file, sha256: sha256(directory) };
  await finishedStage(root, directory, uses, { config, environment: { node: 'v22' }, outputs: { result: output } });
  return output;
}

async function chain(): Promise<string> {
  const root = temporaryFolder();
  const oneShot = await finish(root, 'r/one-shot', 'train-supernet', { seed: 7, dataset: { name: 'fashion' } });
  const two = await finish(root, 'r/2', 'train-supernet', { seed: 8, inherit: oneShot });
  await finish(root, 'r/ranking', 'merge-results', { parts: [two, oneShot] });
  return root;
}

test('nas explain shows what a result was made of, down to seeds and data, each file with its hash', async () => {
  const root = await chain();
  const { code, stdout } = await nas(['explain', 'r'], { NAS_RESULTS: root });
  expect(code).toBe(0);
  const lines = stdout.split('\n').map((line) => line.trimEnd());
  expect(lines[0]).toBe(`✓ r/ranking/result sha256 ${sha256('r/ranking')}`);
  expect(lines).toContain(`    ✓ r/2/result sha256 ${sha256('r/2')}`);
  expect(lines).toContain(`        ✓ r/one-shot/result sha256 ${sha256('r/one-shot')}`);
  expect(stdout).toMatch(
    /made by r\/one-shot \(train-supernet\), fingerprint [0-9a-f]{64}\n +config sha256 .*, seed 7\n +data fashion/,
  );
  expect(stdout).toContain('made by r/one-shot, as above');
  expect(stdout).toContain('4 files checked, each is what it was');
});

test('nas explain takes a stage by its folder, or by its id where it has one cell, and a choice without a reason needs no colon', async () => {
  const root = temporaryFolder();
  const selection = { epoch: 1, tau: 0.8, by: 'person', who: 'ada', when: '2026-01-01T00:00:00Z', why: '' } as const;
  mkdirSync(path.join(root, 'r/2'), { recursive: true });
  const result = { file: 'r/2/supernet', sha256: sha256('r/2') };
  writeFileSync(path.join(root, result.file), 'r/2');
  await finishedStage(root, 'r/2', 'train-supernet', { stage: 'few-shot-2', selection, outputs: { result } });
  for (const cell of ['r/a-1', 'r/a-2']) await finishedStage(root, cell, 'train-supernet', { stage: 'a' });
  await expect(lineageOf(root, 'r/a')).rejects.toThrow('r/a');
  const [byFolder, byId] = await Promise.all(['r/2', 'r/few-shot-2'].map((what) => lineageOf(root, what)));
  expect(byId).toEqual(byFolder);
  const lines = lineageTree(byId!)
    .split('\n')
    .map((line) => line.trim());
  expect(lines).toContain('epoch 1 chosen by ada');
});

test('a run, or a stage, that handed no file on is not passed as checked', async () => {
  const root = temporaryFolder();
  await finishedStage(root, 'r/program', 'command', {});
  for (const what of ['r', 'r/program']) {
    await expect(lineageOf(root, what)).rejects.toThrow(`${what}: expected files that were handed on, got none`);
  }
});

test('a file with other bytes anywhere in the chain is named, with exit code 1', async () => {
  const root = await chain();
  writeFileSync(path.join(root, 'r/one-shot/result'), 'edited');
  const { code, stdout } = await nas(['explain', path.join(root, 'r/ranking/result')], { NAS_RESULTS: root });
  expect(code).toBe(1);
  expect(stdout).toMatch(/✗ r\/one-shot\/result sha256 [0-9a-f]{64} other bytes/);
  expect(stdout).toContain('4 files checked, 2 not what it was');
  const unknown = await nas(['explain', 'nobody'], { NAS_RESULTS: root });
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('nobody: expected a result file') });
});

test('a single file with other bytes is enough for exit code 1', async () => {
  const root = await chain();
  const file = path.join(root, 'r/ranking/result');
  expect((await nas(['explain', file], { NAS_RESULTS: root })).code).toBe(0);
  writeFileSync(file, 'edited');
  const { code, stdout } = await nas(['explain', file], { NAS_RESULTS: root });
  expect(code).toBe(1);
  expect(stdout).toContain('4 files checked, 1 not what it was');
});

test('what was taken over is found by its bytes when the run it came from is gone', async () => {
  const root = await chain();
  mkdirSync(path.join(root, 's'));
  await finish(root, 's/3', 'train-supernet', { inherit: { file: 'gone/2/result', sha256: sha256('r/2') } });
  const lineage = await lineageOf(root, 's/3/result');
  expect(stripVTControlCharacters(lineageTree(lineage))).toContain('✓ r/2/result');
});

const attempt = (change: Partial<Attempt>): Attempt => ({
  token: { workflowId: 'r', runId: 'a', stage: 's', round: 1, attempt: 1 },
  host: 'h',
  pid: 1,
  device: 'gpu:0',
  queued: '2026-01-01T00:00:00.000Z',
  started: '2026-01-01T00:00:05.000Z',
  saved: null,
  ended: null,
  ending: null,
  phases: null,
  ...change,
});

test('the ledger tells useful from redone by the last checkpoint, waiting by the queue, and what saving costs', () => {
  const lines = linesOf(
    's',
    [
      attempt({ saved: '2026-01-01T00:01:05.000Z' }),
      attempt({
        queued: '2026-01-01T00:01:35.000Z',
        started: '2026-01-01T00:01:36.000Z',
        ended: '2026-01-01T00:02:36.000Z',
        ending: 'done',
        phases: { training: 59.4, saving: 0.6 },
      }),
    ],
    0,
  );
  expect(lines).toEqual([
    { stage: 's', device: 'gpu:0', useful: 120, redone: 30, waiting: 6, training: 59.4, saving: 0.6, attempts: 2 },
  ]);
  expect(stripVTControlCharacters(ledgerTable(lines))).toMatch(
    /s +gpu:0 +2m 00s +30s +6s +0\.6s \(1\.00 %\) +2\nall +2m 00s +30s +6s +0\.6s \(1\.00 %\) +2$/,
  );
});
