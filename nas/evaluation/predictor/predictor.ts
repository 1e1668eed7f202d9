import { BadInput } from '../../../plan/endings.ts';
import { fitRidge, leaveOut, momentsOf, valueOf } from './ridge.ts';
import type { LeaveOut } from './ridge.ts';
import { macs, parameterCount } from '../../space/cost.ts';
import { randomOf } from '../../space/random.ts';
import { depthOf, STEM, widths } from '../../space/space.ts';
import type { Space, Subnet } from '../../space/space.ts';

/** A subnet whose score is known. */
export interface Observation {
  readonly subnet: Subnet;
  /** Higher is better; any unit. */
  readonly score: number;
}

/** Scores of subnets that were never evaluated, from those of some that were. */
export interface Predictor {
  readonly predict: (subnet: Subnet) => number;
  readonly observations: number;
  readonly features: number;
  /** Penalty per observation that cross-validation chose. */
  readonly lambda: number;
  readonly leaveOut: LeaveOut;
}

/**
 * Fits a ridge regression on features of the subnets, and measures it on observations that were left out.
 * A pure function of its arguments. The seed deals observations to folds and draws the resamples of the intervals.
 * @throws BadInput for fewer than 20 observations, or a score that is not finite
 */
export function fitPredictor(
  space: Space,
  observations: readonly Observation[],
  { seed }: { readonly seed: number },
): Predictor {
  if (observations.length < FEWEST_OBSERVATIONS) {
    throw new BadInput(
      `predictor: expected at least ${FEWEST_OBSERVATIONS} scores, got ${observations.length}; evaluate more subnets`,
    );
  }
  const strange = observations.find(({ score }) => !Number.isFinite(score));
  if (strange) throw new BadInput(`predictor: expected finite scores, got ${strange.score}`);
  const features = featuresOf(space);
  const rows = observations.map(({ subnet }) => features.of(subnet));
  // Sums of squares keep their digits where scores spread around 0.
  const offset = observations.reduce((sum, { score }) => sum + score, 0) / observations.length;
  const targets = Float64Array.from(observations, ({ score }) => score - offset);
  const moments = momentsOf(rows, targets);
  const ridge = fitRidge(moments, features.weights);
  return {
    predict: (subnet) => offset + valueOf(ridge, features.of(subnet)),
    observations: observations.length,
    features: features.count,
    lambda: ridge.lambda,
    leaveOut: leaveOut(rows, targets, moments, features.weights, seed),
  };
}

/** The predicted scores of subnets, in their order. */
export function predictAll({ predict }: Predictor, subnets: readonly Subnet[]): Float64Array {
  return Float64Array.from(subnets, predict);
}

/** Fewer scores than this say next to nothing of the others. */
export const FEWEST_OBSERVATIONS = 20;

// Of one list always the same: parts of a set are cut by processes that do not talk to each other.
const SEED = 0;

/** Positions of the subnets that a stage evaluates: those that its budget buys, all where there is none. */
export function evaluatedPositions(space: Space, subnets: readonly Subnet[], budget: number | null): number[] {
  return budget === null ? [...subnets.keys()] : chooseSubnets(space, subnets, budget, SEED);
}

/**
 * Chooses the subnets whose scores are to stand for all: the list in order of depth, among equals of parameters, is cut
 * into `budget` strata of one size, and one subnet of each is drawn. So every depth has its share, and in it every size.
 * A pure function of its arguments.
 * @returns ascending positions in the list; all of them where the budget is no smaller
 * @throws BadInput unless the budget is a positive integer
 */
export function chooseSubnets(space: Space, subnets: readonly Subnet[], budget: number, seed: number): number[] {
  if (!Number.isInteger(budget) || budget < 1) throw new BadInput(`budget: expected a positive integer, got ${budget}`);
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

/** What the predictor knows of a subnet. */
interface Features {
  /** Number of features. */
  readonly count: number;
  /**
   * How far each may move a score before the penalty bites: standard deviations of its coefficient, as believed before
   * any score is seen. Size matters in every space; two choices together add little to what each does alone.
   */
  readonly weights: Float64Array;
  /** The features of a subnet, [count]. */
  readonly of: (subnet: Subnet) => Float64Array;
}

const WEIGHTS = { size: 2, choice: 1, product: 0.2 } as const;

/**
 * Features of the subnets of a space: size (log parameters, log MACs, log depth); every choice (the stem's width, each
 * stage's depth, mean out and mean mid width) and every depth of every stage as a 0 or 1 of its own, for supernets like
 * some depths better than others; and the products of any two choices, each taken from the middle of its range.
 */
export function featuresOf(space: Space): Features {
  const native = space.resolutions.at(-1)!;
  const middles = [STEM, ...space.stages.keys()].map((stage) => middle(widths(space, stage)));
  const depths = space.stages.map(({ depth: [low, high] }) =>
    Array.from({ length: high - low + 1 }, (_, index) => low + index),
  );

  const sizes = (subnet: Subnet): number[] => [
    Math.log(parameterCount(space, subnet, 0)),
    Math.log(macs(space, subnet, native)),
    Math.log(depthOf(subnet)),
  ];
  const choices = ({ stem, stages }: Subnet): number[] => [
    stem - middles[0]!,
    ...stages.flatMap((blocks, stage) => [
      blocks.length - middle(depths[stage]!),
      mean(blocks.map(({ out }) => out)) - middles[stage + 1]!,
      mean(blocks.map(({ mid }) => mid)) - middles[stage + 1]!,
    ]),
  ];
  const single = ({ stages }: Subnet): number[] =>
    stages.flatMap((blocks, stage) => depths[stage]!.map((depth) => Number(blocks.length === depth)));

  const chosen = 1 + 3 * space.stages.length;
  const weights = Float64Array.from([
    ...repeated(WEIGHTS.size, 3),
    ...repeated(WEIGHTS.choice, chosen + depths.flat().length),
    ...repeated(WEIGHTS.product, (chosen * (chosen + 1)) / 2),
  ]);
  return {
    count: weights.length,
    weights,
    of: (subnet) => {
      const own = choices(subnet);
      return Float64Array.from([...sizes(subnet), ...own, ...single(subnet), ...products(own)]);
    },
  };
}

/** Of every two, and of each with itself. */
function products(values: readonly number[]): number[] {
  return values.flatMap((a, index) => values.slice(0, index + 1).map((b) => a * b));
}

function repeated(value: number, count: number): number[] {
  return Array.from({ length: count }, () => value);
}

/** Of an ascending list. */
function middle(values: readonly number[]): number {
  return (values[0]! + values.at(-1)!) / 2;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
