import { expect, test } from 'vitest';
import type { EpochRecord } from '../../artifacts/manifest.ts';
import { readGroundTruth, truthAt } from '../../nas/evaluation/ground-truth.ts';
import { supernetScores } from '../../nas/evaluation/supernet-scores.ts';
import { sha256Of } from '../../artifacts/files.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { committedSpace, configText } from '../support/spaces.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const FILE = 'configs/ground-truth/fashion.json';
const source = { file: FILE, sha256: sha256Of(configText(FILE.slice('configs/'.length))) };
const whole = truthAt(await readGroundTruth(committedSpace('fashion'), source), [0, 1, 2]);

/** Epochs 3, 4, 5: the first of them has no cross-entropies. */
const epochs = [3, 4, 5].map((epoch): EpochRecord => {
  const plain = { file: null, sha256: null, bytes: null, tau: 0.5, interval: null, loss: 1 };
  const best = { min: { top1: 0, top5: 0 }, max: { top1: 0, top5: 0 } };
  const groundTruth = [epoch, epoch + 0.25, epoch + 0.5];
  return { epoch, groundTruth, ...(epoch === 3 ? {} : { groundTruthLosses: [1, 2, epoch] }), ...plain, ...best };
});

async function rootWith(config: Record<string, string | number | boolean>): Promise<string> {
  const root = temporaryFolder();
  await finishedStage(root, 'run/few/2', 'train-supernet', { config, epochs });
  return root;
}

const chosen = (epoch: number, file = 'run/few/2/0.5.safetensors') => ({
  file,
  sha256: 'a'.repeat(64),
  epoch,
  tau: 0.5,
  groups: 2,
});

test('a supernet scores subnets as its chosen epoch did, and as those before it', async () => {
  const root = await rootWith({ seed: 7 });
  expect(await supernetScores(root, chosen(4), { whole })).toEqual({
    stage: 'few/2',
    seed: 7,
    scoring: {},
    byEpoch: [[4, 4.25, 4.5]],
  });
  const of = async (count: number) => (await supernetScores(root, chosen(5), { whole }, { epochs: count })).byEpoch;
  expect(await of(2)).toEqual([
    [5, 5.25, 5.5],
    [4, 4.25, 4.5],
  ]);
  expect((await of(9)).map((scores) => scores[0])).toEqual([5, 4, 3]);
});

test('it does so by what its training ranked by, or by what is asked for', async () => {
  const root = await rootWith({ seed: 1, score: 'cross_entropy', sizes: true });
  const { scoring, byEpoch } = await supernetScores(root, chosen(5), { whole });
  expect(scoring).toEqual({ score: 'cross_entropy', sizes: true });
  expect(byEpoch).toEqual([[-1, -2, -5]]);
  const { byEpoch: asked } = await supernetScores(root, chosen(5), { whole }, { score: 'top1' });
  expect(asked).toEqual([[5, 5.25, 5.5]]);
});

test('what it did not record is refused', async () => {
  const root = await rootWith({ seed: 1 });
  const refusal = async (epoch: number, more: { file?: string; epochs?: number; truth?: typeof whole } = {}) =>
    await supernetScores(
      root,
      chosen(epoch, more.file),
      { whole: more.truth ?? whole },
      { epochs: more.epochs ?? 1, score: 'cross_entropy' },
    ).catch((error: unknown) => String(error));
  // Epoch 6 was never tested.
  expect(await refusal(6)).toContain(
    'run/few/2: expected epoch 6 with 3 accuracies in its manifest, got 3; train it on this ground truth',
  );
  expect(await refusal(5, { truth: truthAt(whole, [0, 1]) })).toContain(
    'epoch 5 with 2 accuracies in its manifest, got 3',
  );
  expect(await refusal(5, { file: 'run/other/0.5.safetensors' })).toContain(
    'run/other: expected epoch 5 with 3 accuracies in its manifest, got none',
  );
  expect(await refusal(4, { epochs: 2 })).toContain(
    'run/few/2: expected the cross-entropies of epoch 3 in its manifest, got none; train it again',
  );
});
