import { depthOf } from '../space/space.ts';
import type { Space, Subnet } from '../space/space.ts';
import { macs, parameterCount } from '../space/cost.ts';
import type { TrainSupernetConfig } from './config.ts';

/** `rank_loss` of a training, ready to be asked about the nets of an iteration. */
export interface RankLoss {
  /** What says that one net ought to do better than another. */
  readonly priorOf: (subnet: Subnet) => number;
  /** Of the whole loss, after so many epochs. */
  readonly weightAt: (epochs: number) => number;
}

/** Null where the config has none. */
export function rankLossOf({
  rank_loss: config,
  space,
  n_classes: classes,
}: Pick<TrainSupernetConfig, 'rank_loss' | 'space' | 'n_classes'>): RankLoss | null {
  if (config === undefined) return null;
  const { by, weight, rise_epochs: rise } = config;
  return {
    priorOf: (subnet) => PRIORS[by](space, subnet, classes),
    weightAt: (epochs) => weight * (rise === 0 ? 1 : Math.min(1, epochs / rise)),
  };
}

const PRIORS = {
  macs: (space: Space, subnet: Subnet, classes: number) => macs(space, subnet, space.resolutions.at(-1)!, classes),
  parameters: parameterCount,
  depth: (_: Space, subnet: Subnet) => depthOf(subnet),
};

/**
 * The pairwise rank loss of the nets of an iteration (Dong et al. 2022, arXiv 2206.13329): the sum over pairs with
 * prior_i > prior_j of max(0, loss_i - loss_j), by which the net that ought to be better and is not learns faster, and the
 * other slower.
 * @param losses against the labels, one a net
 * @returns d(rank loss)/d(loss) of each net, a whole number
 */
export function rankSlopes(losses: readonly number[], priors: readonly number[]): number[] {
  const slopes = losses.map(() => 0);
  for (const [i, loss] of losses.entries()) {
    for (const [j, other] of losses.entries()) {
      if (priors[i]! <= priors[j]! || loss <= other) continue;
      slopes[i]!++;
      slopes[j]!--;
    }
  }
  return slopes;
}
