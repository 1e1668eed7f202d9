import path from 'node:path';
import { existsSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { MockInstance } from 'vitest';
import { openStore } from '../../artifacts/results.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { alone } from '../../nas/supernet/ranks.ts';
import type { Ranks } from '../../nas/supernet/ranks.ts';
import type { Supernet } from '../../nas/supernet/supernet.ts';
import { restoreCheckpoint, saveCheckpoint } from '../../nas/training/checkpoint.ts';
import { readSafetensors } from '../../nas/weights/safetensors.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/tiny-supernet.ts';

const at = (epoch: number, step: number) => ({ epoch, step, images: 256 });
const state = { random: [1, 2 ** 31, 0.1 + 0.2], loss: Number.MIN_VALUE };

let root: string;
let stage: HeldStage;
let warn: MockInstance;

beforeEach(async () => {
  root = temporaryFolder();
  const environment = { device: 'cpu', threads: 2 };
  stage = await HeldStage.claim(openStore(root), directory, tokenOf(), {
    ...claim,
    environment,
    config: { batch_size: 64 },
  });
  warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});
afterEach(() => {
  warn.mockRestore();
});

/** A net that has been trained: every number of it is another one, the momenta too. */
function trained(by: number): Supernet {
  const net = tinySupernet();
  for (const parameter of net.parameters) {
    const values = parameter.read();
    parameter.assign(values.map((value, i) => value + by + i / 1024));
    parameter.assignMomentum(values.map((_, i) => by / 2 - i / 2048));
  }
  return net;
}

function numbers(net: Supernet): number[][] {
  return [...net.parameters].flatMap((one) => [[...one.read()], [...one.readMomentum()]]);
}

const places = () => stage.manifest.checkpoints.map(({ epoch, step }) => [epoch, step]);
const fileOf = (name: string): string => path.join(root, directory, 'checkpoints', `${name}.safetensors`);

test('a checkpoint brings back weights, momenta and state, to the bit', async () => {
  const saved = trained(1);
  await saveCheckpoint(stage, saved, at(2, 17), state);
  const net = tinySupernet();
  expect(await restoreCheckpoint(stage, net, alone)).toEqual({ at: at(2, 17), state });
  expect(numbers(net)).toEqual(numbers(saved));
  expect(numbers(net)).not.toEqual(numbers(tinySupernet()));
});

test('a checkpoint says where it belongs, and what it was computed with', async () => {
  await saveCheckpoint(stage, trained(1), at(2, 17), state);
  const { metadata, tensors } = readSafetensors(fileOf('2-17'));
  expect(metadata).toEqual({
    epoch: '2',
    step: '17',
    images: '256',
    state: JSON.stringify(state),
    fingerprint: claim.fingerprint,
    device: 'cpu',
    threads: '2',
  });
  const names = [...tinySupernet().parameters].map(({ name }) => name);
  expect(tensors.map(({ name }) => name).toSorted()).toEqual(
    [...names, ...names.map((name) => `momentum.${name}`)].toSorted(),
  );
});

test('of checkpoints the last two stay, each place once', async () => {
  for (const step of [1, 2, 3]) await saveCheckpoint(stage, trained(step), at(0, step), {});
  expect(places()).toEqual([
    [0, 2],
    [0, 3],
  ]);
  const again = trained(9);
  await saveCheckpoint(stage, again, at(0, 2), {});
  expect(places()).toEqual([
    [0, 3],
    [0, 2],
  ]);
  const net = tinySupernet();
  expect(await restoreCheckpoint(stage, net, alone)).toEqual({ at: at(0, 2), state: {} });
  expect(numbers(net)).toEqual(numbers(again));
  expect(readdirSync(path.join(root, directory, 'checkpoints'))).toContain('0-3.safetensors');
});

test('a damaged checkpoint is dropped with a warning, and the one before it is taken', async () => {
  const first = trained(1);
  await saveCheckpoint(stage, first, at(0, 4), state);
  await saveCheckpoint(stage, trained(2), at(0, 8), state);
  truncateSync(fileOf('0-8'), 1000);
  const net = tinySupernet();
  expect(await restoreCheckpoint(stage, net, alone)).toEqual({ at: at(0, 4), state });
  expect(numbers(net)).toEqual(numbers(first));
  expect(places()).toEqual([[0, 4]]);
  expect(warn.mock.calls).toEqual([
    [
      expect.stringMatching(
        /^quick\/one-shot\/checkpoints\/0-8\.safetensors: expected sha256 [0-9a-f]{64}, got [0-9a-f]{64}; it is dropped, training goes on from the checkpoint before it$/,
      ),
    ],
  ]);
  rmSync(fileOf('0-4'));
  expect(await restoreCheckpoint(stage, tinySupernet(), alone)).toBeNull();
  expect(places()).toEqual([]);
  expect(warn.mock.lastCall).toEqual([expect.stringContaining('got no file; it is dropped')]);
});

test('where nothing was saved training begins at the beginning', async () => {
  expect(await restoreCheckpoint(stage, tinySupernet(), alone)).toBeNull();
  expect(warn).not.toHaveBeenCalled();
  expect(existsSync(path.join(root, directory, 'checkpoints'))).toBe(false);
});

/** This process as one of two, the other of which found its checkpoint there. */
function beside(other: number[]): Ranks {
  return { ...alone, size: 2, gather: (own) => [[...own], other] };
}

test('ranks go on at one checkpoint, or not at all', async () => {
  await saveCheckpoint(stage, trained(1), at(1, 2), state);
  const resumed = async (ranks: Ranks) => await restoreCheckpoint(stage, tinySupernet(), ranks);
  expect(await resumed(beside([1, 2]))).toEqual({ at: at(1, 2), state });
  for (const [other, place] of [
    [[1, 3], '1-3'],
    [[0, 2], '0-2'],
    [[-1, -1], '-1--1'],
  ] as const) {
    await expect(resumed(beside([...other]))).rejects.toThrow(
      `quick/one-shot: expected all ranks to go on at one checkpoint, got 1-2, ${place}; check that they see the same files`,
    );
  }
});
