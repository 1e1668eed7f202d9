import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { openDataset } from '../../nas/data/open.ts';
import { bootstrapInterval } from '../../nas/evaluation/agreement.ts';
import { kendallTau } from '../../nas/evaluation/correlation.ts';
import { readGroundTruth } from '../../nas/evaluation/ground-truth.ts';
import { withSizes } from '../../nas/evaluation/size-mix.ts';
import { formatArchCode } from '../../nas/space/arch-code.ts';
import { randomOf } from '../../nas/space/random.ts';
import { randomArchitecture } from '../../nas/space/sampling.ts';
import { alone } from '../../nas/supernet/ranks.ts';
import { Supernet } from '../../nas/supernet/supernet.ts';
import type { TrainSupernetConfig } from '../../nas/training/config.ts';
import { testEpoch } from '../../nas/training/test-epoch.ts';
import { plainTau } from '../support/plain-statistics.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/training-configs.ts';

/** The test of a supernet that has not been trained, or knows nothing at all; and the steps that it reported. */
async function tested(config: TrainSupernetConfig, isBlank = false) {
  const { space, ground_truth: file } = config;
  const truth = await readGroundTruth(space, file);
  const net = Supernet.build({ space, classes: 10, groups: 1, seed: 3 });
  for (const one of net.parameters) {
    if (isBlank && one.role === 'classifier') one.assign(one.read().fill(0));
    // Blocks start as the identity, and all nets of a depth alike.
    if (one.name.endsWith('.bn2.bn.weight')) one.assign(one.read().fill(1));
  }
  const steps = new Map<string, number>();
  const watch = {
    report: (phase: string, counts: { steps?: number } = {}) => void steps.set(phase, counts.steps ?? 0),
    stopRequested: () => false,
  };
  const made = await testEpoch(config, await openDataset(config.dataset), net, truth, watch, alone);
  net.dispose();
  if (made === 'stopped') throw new Error('nobody asked it to stop');
  return { ...made, truth, steps: Object.fromEntries(steps) };
}

test('tau is that of the ground truth on the images of selection, its interval drawn by the seed', async () => {
  const selection = { part: 'selection', batch_size: 70 } as const;
  const seen = await tested(tinySupernet({ seed: 7, selection, score: 'cross_entropy' }));
  const accuracies = [...seen.truth.accuracies];
  const scores = seen.groundTruthLosses!.map((loss) => -loss);
  expect(new Set(scores).size).toBe(accuracies.length);
  expect(seen.tau).toBeCloseTo(plainTau(accuracies, scores), 12);
  const { low, high } = bootstrapInterval(kendallTau, accuracies, scores, { seed: 7 });
  expect(seen.interval).toEqual([low, high]);
  // 200 images in batches of 70: the last one counts too.
  expect(seen.steps).toEqual({ calibrating: 2, evaluating: 3 });
});

test('with sizes, tau is that of scores mixed with them, on the subnets that are not held out', async () => {
  const { space } = tinySupernet();
  const random = randomOf(5, 'truth');
  const codes = new Set(Array.from({ length: 60 }, () => formatArchCode(space, randomArchitecture(space, random))));
  const entries = [...codes]
    .slice(0, 30)
    .map((arch, at) => [`arch${at + 1}`, { arch, acc: 60 + random.normal(), held_out: at % 4 === 0 }]);
  const text = JSON.stringify(Object.fromEntries(entries));
  const file = path.join(temporaryFolder(), 'truth.json');
  writeFileSync(file, text);
  const seen = await tested(tinySupernet({ sizes: true, ground_truth: { file, sha256: sha256Of(text) } }));
  const { truth } = seen;
  const ranked = withSizes({ space, classes: 10, truth }, seen.groundTruth);
  const positions = [...truth.heldOut.keys()].filter((at) => at % 4 !== 0);
  const at = (values: ArrayLike<number>): number[] => positions.map((position) => values[position]!);
  expect(seen.tau).toBeCloseTo(plainTau(at(truth.accuracies), at(ranked)), 12);
  expect(seen.tau).not.toBeCloseTo(plainTau(at(truth.accuracies), at(seen.groundTruth)), 3);
});

test('where all subnets do equally well there is no tau, and no interval', async () => {
  const { tau, interval, groundTruth, min, max, crossEntropy } = await tested(tinySupernet(), true);
  expect([tau, interval]).toEqual([null, null]);
  // Of equal classes the first is meant, and a tenth of the images is of it.
  expect([...groundTruth, min.top1, max.top1]).toEqual([...groundTruth, min.top1, max.top1].map(() => 0.1));
  expect([min.top5, max.top5]).toEqual([0.5, 0.5]);
  for (const loss of [crossEntropy.min, crossEntropy.max]) expect(loss).toBeCloseTo(Math.log(10), 5);
});
