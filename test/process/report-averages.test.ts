import { describe, expect, test } from 'vitest';
import type { EpochRecord } from '../../artifacts/manifest.ts';
import { sha256Of } from '../../artifacts/files.ts';
import { readGroundTruth } from '../../nas/evaluation/ground-truth.ts';
import { withSizes } from '../../nas/evaluation/size-mix.ts';
import { randomOf } from '../../nas/space/random.ts';
import { meanOf } from '../../report/averages.ts';
import { reportOf } from '../../report/report.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { inUnits, plainTau } from '../support/plain-statistics.ts';
import { committedSpace, configText } from '../support/spaces.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const space = committedSpace('fashion');
const FILE = 'configs/ground-truth/fashion.json';
const source = { file: FILE, sha256: sha256Of(configText(FILE.slice('configs/'.length))) };
const truth = await readGroundTruth(space, source);
const random = randomOf(1, 'averages');
/** Scores of so many epochs, the truth in noise. */
const noisy = (): number[] => Array.from(truth.accuracies, (value) => value / 100 + 0.03 * random.normal());
const epochs: EpochRecord[] = [0, 1, 2].map((epoch) => {
  const groundTruth = noisy();
  return {
    epoch,
    tau: 0.5,
    interval: null,
    file: `run/one-shot/0.5000_${epoch}.safetensors`,
    sha256: '0'.repeat(64),
    bytes: 1,
    loss: 1,
    min: { top1: 0, top5: 0 },
    max: { top1: 0, top5: 0 },
    groundTruth,
    ...(epoch > 0 && { groundTruthLosses: groundTruth.map((share) => 2 - share ** 3) }),
  };
});
const selected = { file: epochs[2]!.file!, sha256: '0'.repeat(64), epoch: 2, tau: 0.5, groups: 1 };

async function reportWith(average: { epochs: number; score?: 'cross_entropy'; sizes: boolean }) {
  const results = temporaryFolder();
  await finishedStage(results, 'run/one-shot', 'train-supernet', { config: { seed: 3 }, epochs });
  const config = { space, n_classes: 10, ground_truth: source, supernets: [selected], ranking: null };
  return await reportOf(results, {
    subnets: 'all',
    ...config,
    averages: { mean: { supernets: [selected], ...average } },
  });
}

const tauOf = (scores: readonly number[]): number => plainTau(Array.from(truth.accuracies), scores);

describe('a report ranks by the mean', () => {
  test('of the last epochs up to the chosen one, each in units of its own spread', async () => {
    const { averages, supernets } = await reportWith({ epochs: 2, sizes: false });
    const [last, before] = [inUnits(epochs[2]!.groundTruth), inUnits(epochs[1]!.groundTruth)];
    const plain = last.map((value, at) => (value + before[at]!) / 2);
    expect(averages[0]!.tau.estimate).toBeCloseTo(tauOf(plain), 12);
    expect(averages[0]!.tau.estimate).not.toBe(supernets[0]!.tau.estimate);
    expect(averages[0]).toMatchObject({ name: 'mean', supernets: 1, epochs: 2, sizes: false });
  });

  test('of cross-entropies where it is told so, and says so where there are none', async () => {
    const { averages } = await reportWith({ epochs: 1, score: 'cross_entropy', sizes: false });
    expect(averages[0]!.tau.estimate).toBeCloseTo(tauOf(epochs[2]!.groundTruthLosses!.map((loss) => -loss)), 12);
    await expect(reportWith({ epochs: 3, score: 'cross_entropy', sizes: false })).rejects.toThrow(
      'run/one-shot: expected the cross-entropies of epoch 0 in its manifest, got none; train it again',
    );
  });

  test('mixed with sizes where it is told so', async () => {
    const { averages } = await reportWith({ epochs: 1, sizes: true });
    const plain = withSizes({ space, classes: 10, truth }, inUnits(epochs[2]!.groundTruth));
    expect(averages[0]!.tau.estimate).toBeCloseTo(tauOf(Array.from(plain)), 12);
  });
});

test('a mean counts lists of wide and narrow spread alike', () => {
  const [a, b] = [
    [1, 2, 3, 4],
    [40, 10, 30, 20],
  ];
  const plain = inUnits(a).map((value, at) => (value + inUnits(b)[at]!) / 2);
  for (const [at, value] of meanOf([a, b]).entries()) expect(value).toBeCloseTo(plain[at]!, 12);
});
