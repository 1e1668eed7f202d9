import type { Dataset } from '../data/dataset.ts';
import { bootstrapInterval } from '../evaluation/agreement.ts';
import { baselines } from '../evaluation/baselines.ts';
import { kendallTau } from '../evaluation/correlation.ts';
import type { Values } from '../evaluation/correlation.ts';
import { rankedBy, scoresOf } from '../evaluation/epoch-scores.ts';
import type { TestWatch } from '../evaluation/evaluate.ts';
import { chosenBy, truthAt } from '../evaluation/ground-truth.ts';
import type { GroundTruth } from '../evaluation/ground-truth.ts';
import { maxArchitecture, minArchitecture } from '../space/sampling.ts';
import { subnetOf } from '../space/space.ts';
import type { Ranks } from '../supernet/ranks.ts';
import type { Supernet } from '../supernet/supernet.ts';
import type { TrainSupernetConfig } from './config.ts';
import type { Measured } from './epoch-files.ts';
import { sharedTest } from './shared-test.ts';
import type { Report } from './train-epoch.ts';
import type { Score } from '../evaluation/score.ts';

/** Where a test of an epoch reports its progress, and what ends it early. */
interface EpochWatch {
  readonly report: Report;
  readonly stopRequested: () => boolean;
}

/** The watch of a test in the words of an epoch. */
export function watchOf({ report, stopRequested }: EpochWatch, subnetsTotal: number): TestWatch {
  return {
    onProgress: ({ phase, share, ofPhase }) =>
      report(phase, { ...ofPhase, subnets: Math.floor(share * subnetsTotal), subnetsTotal }),
    shouldStop: stopRequested,
  };
}

/** What the manifest records of a test, and the mean cross-entropy of the min and the max net. */
interface Tested extends Omit<Measured, 'epoch' | 'loss'> {
  readonly crossEntropy: { readonly min: number; readonly max: number };
}

/** Tests the min net, the max net and the ground truth's subnets; the last give tau. */
export async function testEpoch(
  config: TrainSupernetConfig,
  dataset: Dataset,
  net: Supernet,
  truth: GroundTruth,
  watch: EpochWatch,
  ranks: Ranks,
): Promise<Tested | 'stopped'> {
  const { space, calibration, selection } = config;
  const ends = [minArchitecture(space), maxArchitecture(space)].map((architecture) => subnetOf(space, architecture));
  const subnets = [...ends, ...truth.subnets];
  const images = { calibration, test: selection };
  const scores = await sharedTest(net, subnets, dataset, images, watchOf(watch, subnets.length), ranks);
  if (scores === 'stopped') return 'stopped';
  const [min, max, ...others] = scores.map(fractions);
  const groundTruth = others.map(({ top1 }) => top1);
  const groundTruthLosses = scores.slice(ends.length).map(finiteLoss);
  const crossEntropy = { min: scores[0]!.crossEntropy, max: scores[1]!.crossEntropy };
  const scored = scoresOf({ groundTruth, groundTruthLosses }, config.score)!;
  const ranked = rankedBy({ space, classes: config.n_classes, truth }, scored, config);
  return {
    min: min!,
    max: max!,
    crossEntropy,
    groundTruth,
    groundTruthLosses,
    ...agreement(truth, ranked, config.seed),
  };
}

/** A net without a single finite logit has no cross-entropy: it is the worst there is. */
function finiteLoss({ crossEntropy }: Score): number {
  return Number.isFinite(crossEntropy) ? crossEntropy : Number.MAX_VALUE;
}

function fractions({ top1, top5, images }: Score): { top1: number; top5: number } {
  return { top1: top1 / images, top5: top5 / images };
}

/** A tau with its 95 % bootstrap interval; null where it is not defined (all subnets tie). */
interface Agreement {
  readonly tau: number | null;
  readonly interval: [low: number, high: number] | null;
}

/**
 * How well scores of the ground truth's subnets agree with their accuracies: Kendall's tau-b, of those that are not held
 * out, for the epoch is chosen by it. A pure function.
 */
function agreement(truth: GroundTruth, scores: Values, seed: number): Agreement {
  const positions = chosenBy(truth);
  const own = positions.map((position) => scores[position]!);
  const { estimate, low, high } = bootstrapInterval(kendallTau, truthAt(truth, positions).accuracies, own, { seed });
  return {
    tau: Number.isNaN(estimate) ? null : estimate,
    interval: Number.isNaN(low) || Number.isNaN(high) ? null : [low, high],
  };
}

/** The tau of scores that need no training, on the same subnets: what a supernet has to beat. */
export function baselineTaus(
  truth: GroundTruth,
  { space, n_classes: classes }: TrainSupernetConfig,
): Record<string, number | null> {
  const scores = baselines(space, truth.subnets, { classes, resolution: space.resolutions.at(-1)! });
  return Object.fromEntries(
    Object.entries(scores).map(([name, values]: [string, Float64Array]) => {
      const tau = kendallTau(truth.accuracies, values);
      return [name, Number.isNaN(tau) ? null : tau];
    }),
  );
}
