import { baselines } from '../evaluation/baselines.ts';
import { bootstrapInterval } from '../evaluation/bootstrap.ts';
import { kendallTau } from '../evaluation/metrics.ts';
import { projectFile } from '../process/inputs.ts';
import { TrainerError } from '../process/protocol.ts';
import type { Subnet } from '../space/space.ts';
import { parseSubnetList } from '../space/subnet-list.ts';
import type { TrainSupernetConfig } from './config.ts';

/** Subnets whose accuracy, each trained alone, is known: what a supernet's ranking is measured against. */
export interface GroundTruth {
  readonly subnets: readonly Subnet[];
  /** Top-1 in percent. */
  readonly accuracies: Float64Array;
}

/** A tau with its 95 % bootstrap interval; null where it is not defined (all subnets tie). */
export interface Agreement {
  readonly tau: number | null;
  readonly interval: [low: number, high: number] | null;
}

/** Reads the ground truth that the config names; throws BadInput or SubnetListError where it is no such thing. */
export async function readGroundTruth({ ground_truth: source, space }: TrainSupernetConfig): Promise<GroundTruth> {
  const listed = parseSubnetList(space, await projectFile(source), source.file);
  const accuracies = Float64Array.from(listed, ({ id, accuracy }) => {
    if (accuracy !== null) return accuracy;
    throw new TrainerError('BadInput', `${source.file}: ${id}: expected an accuracy (acc), got none; train it alone`);
  });
  return { subnets: listed.map(({ subnet }) => subnet), accuracies };
}

/** How well scores of the ground truth's subnets agree with their accuracies: Kendall's tau-b. A pure function. */
export function agreement(truth: GroundTruth, scores: readonly number[], seed: number): Agreement {
  const { estimate, low, high } = bootstrapInterval(kendallTau, truth.accuracies, scores, { seed });
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
