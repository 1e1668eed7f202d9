import { parameterCount } from '../../space/cost.ts';
import { randomOf } from '../../space/random.ts';
import { depthOf } from '../../space/space.ts';
import type { Space, Subnet } from '../../space/space.ts';

/** Fewer scores than this say next to nothing of the others. */
export const FEWEST_OBSERVATIONS = 20;

// Of one list always the same: parts of a set are cut by processes that do not talk to each other.
const SEED = 0;

/** Positions of the subnets that a stage evaluates: those that its budget buys, all where there is none. */
export function evaluatedPositions(space: Space, subnets: readonly Subnet[], budget: number | null): number[] {
  return chooseSubnets(space, subnets, budget ?? subnets.length, SEED);
}

/**
 * Chooses the subnets whose scores are to stand for all: the list in order of depth, among equals of parameters, is cut
 * into `budget` strata of one size, and one subnet of each is drawn. So every depth has its share, and in it every size.
 * A pure function of its arguments.
 * @returns ascending positions in the list; all of them where the budget is no smaller
 * @throws RangeError unless the budget is a positive integer
 */
export function chooseSubnets(space: Space, subnets: readonly Subnet[], budget: number, seed: number): number[] {
  if (!Number.isInteger(budget) || budget < 1)
    throw new RangeError(`budget: expected a positive integer, got ${budget}`);
  if (budget >= subnets.length) return [...subnets.keys()];
  const depths = subnets.map(depthOf);
  const sizes = subnets.map((subnet) => parameterCount(space, subnet, 0));
  const order = [...subnets.keys()].toSorted((a, b) => depths[a]! - depths[b]! || sizes[a]! - sizes[b]! || a - b);
  const random = randomOf(seed, 'budget', budget);
  const start = (stratum: number): number => Math.floor((stratum * subnets.length) / budget);
  return Array.from({ length: budget }, (_, stratum) => {
    const from = start(stratum);
    return order[from + random.integer(start(stratum + 1) - from)]!;
  }).toSorted((a, b) => a - b);
}
