import path from 'node:path';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openStore } from '../../artifacts/results.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { commitEpoch, commitMetrics } from '../../nas/training/epoch-files.ts';
import type { Measured } from '../../nas/training/epoch-files.ts';
import { readEvents } from '../support/event-reader.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/tiny-supernet.ts';

const train = { top1: 0.5, top5: 0.75 };
const [min, max] = [
  { top1: 0.25, top5: 0.5 },
  { top1: 0.375, top5: 0.625 },
];
const net = tinySupernet();

function measured(epoch: number, tau: number | null): Measured {
  return { epoch, tau, interval: null, loss: 2 - epoch, min, max, groundTruth: [0.5] };
}

async function held(root: string): Promise<HeldStage> {
  return await HeldStage.claim(openStore(root), directory, tokenOf(), claim);
}

async function commit(stage: HeldStage, epoch: number, tau: number | null, minTau: number | null): Promise<void> {
  await commitEpoch(stage, net, measured(epoch, tau), minTau, { train, lr: 0.1 });
}

const files = ({ manifest }: HeldStage) => manifest.epochs.map(({ file }) => file && path.basename(file));
const logged = (root: string): unknown[] =>
  readFileSync(path.join(root, directory, 'log.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).epoch);

/** The points of an epoch, by their names. */
function points(root: string, epoch: number): Record<string, number> {
  const name = `epoch-${String(epoch).padStart(6, '0')}.tfevents`;
  const [, event] = readEvents(path.join(root, directory, 'tensorboard', name));
  expect(event?.step ?? 0).toBe(epoch);
  return Object.fromEntries(event!.summary!.value.map(({ tag, simpleValue }) => [tag, simpleValue]));
}

test('an epoch leaves its supernet by the name of its tau, its record and its metrics', async () => {
  const root = temporaryFolder();
  const stage = await held(root);
  await commit(stage, 0, 0.25, null);
  await commit(stage, 1, null, null);
  expect(files(stage)).toEqual(['0.2500_0.safetensors', 'nan_1.safetensors']);
  for (const { file, bytes, sha256, ...rest } of stage.manifest.epochs) {
    expect(readFileSync(path.join(root, file!))).toHaveLength(bytes!);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(rest).toEqual(measured(rest.epoch, rest.tau));
  }
  expect(readFileSync(path.join(root, directory, 'nan_1.safetensors'), 'latin1')).toMatch(/"epoch":"1".*"tau":"null"/);
  expect(logged(root)).toEqual([0, 1]);
  expect(stage.manifest.extras.map(({ file }) => file.slice(directory.length + 1))).toEqual([
    'tensorboard/epoch-000000.tfevents',
    'log.jsonl',
    'tensorboard/epoch-000001.tfevents',
  ]);
});

test('epochs under min_tau leave no file, one that was the best does so until a better one comes', async () => {
  const root = temporaryFolder();
  const stage = await held(root);
  await commit(stage, 0, 0.25, 0.5);
  expect(files(stage)).toEqual(['0.2500_0.safetensors']);
  await commit(stage, 1, 0.125, 0.5);
  expect(files(stage)).toEqual(['0.2500_0.safetensors', null]);
  expect(existsSync(path.join(root, directory, '0.1250_1.safetensors'))).toBe(false);
  await commit(stage, 2, 0.75, 0.5);
  await commit(stage, 3, 0.625, 0.5);
  expect(files(stage)).toEqual([null, null, '0.7500_2.safetensors', '0.6250_3.safetensors']);
  expect(logged(root)).toEqual([0, 1, 2, 3]);
});

test('a stage that goes on before an epoch that it had committed has it, and its metrics, once', async () => {
  const root = temporaryFolder();
  const stage = await held(root);
  for (const epoch of [0, 1, 2]) await commit(stage, epoch, 0.5, null);
  await commit(stage, 1, 0.25, null);
  expect(files(stage)).toEqual(['0.5000_0.safetensors', '0.2500_1.safetensors']);
  expect(logged(root)).toEqual([0, 1]);
  expect(points(root, 1)['val/Kendallta']).toBe(0.25);
});

test('a log that was deleted or changed is begun anew', async () => {
  const root = temporaryFolder();
  const stage = await held(root);
  const log = path.join(root, directory, 'log.jsonl');
  await commit(stage, 0, 0.5, null);
  writeFileSync(log, `${readFileSync(log, 'utf8')}{"epoch":7}\n`);
  await commit(stage, 1, 0.5, null);
  expect(logged(root)).toEqual([1]);
  rmSync(log);
  await commit(stage, 2, 0.5, null);
  expect(logged(root)).toEqual([2]);
});

test("metrics have the original's names, and its percent", async () => {
  const root = temporaryFolder();
  const stage = await held(root);
  const crossEntropy = { min: 1.5, max: 1.25 };
  await commitEpoch(stage, net, measured(0, 0.5), null, { train, lr: 0.125, crossEntropy, sampled: 'x' });
  expect(points(root, 0)).toEqual({
    'learning_rate/lr': 0.125,
    'train/loss': 2,
    'train/top1': 50,
    'train/top5': 75,
    'val/Kendallta': 0.5,
    'val/min_subnet/top1': 25,
    'val/min_subnet/top5': 50,
    'val/max_subnet/top1': 37.5,
    'val/max_subnet/top5': 62.5,
    'val/min_subnet/loss': 1.5,
    'val/max_subnet/loss': 1.25,
  });
  expect(JSON.parse(readFileSync(path.join(root, directory, 'log.jsonl'), 'utf8'))).toEqual({
    ...measured(0, 0.5),
    train,
    lr: 0.125,
    crossEntropy,
    sampled: 'x',
  });
});

test('a subnet trained alone leaves its metrics and no supernet', async () => {
  const root = temporaryFolder();
  const stage = await held(root);
  await commitMetrics(stage, { epoch: 0, loss: 1, train, lr: 0.5 });
  await commitMetrics(stage, { epoch: 1, loss: 0.5, train, lr: 0.25, test: max });
  expect(stage.manifest.epochs).toEqual([]);
  expect(logged(root)).toEqual([0, 1]);
  const plain = { 'train/top1': 50, 'train/top5': 75 };
  expect(points(root, 0)).toEqual({ 'learning_rate/lr': 0.5, 'train/loss': 1, ...plain });
  const alone = { 'val/top1': 37.5, 'val/top5': 62.5 };
  expect(points(root, 1)).toEqual({ 'learning_rate/lr': 0.25, 'train/loss': 0.5, ...plain, ...alone });
});
