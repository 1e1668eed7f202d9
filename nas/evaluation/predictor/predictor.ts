import type { Space, Subnet } from '../../space/space.ts';
import { FEWEST_OBSERVATIONS } from './budget.ts';
import { featuresOf } from './features.ts';
import { leaveOut } from './leave-out.ts';
import type { LeaveOut } from './leave-out.ts';
import { momentsOf } from './moments.ts';
import { fitRidge, valueOf } from './ridge.ts';

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
 * @throws RangeError for fewer than 20 observations, or a score that is not finite
 */
export function fitPredictor(
  space: Space,
  observations: readonly Observation[],
  { seed }: { readonly seed: number },
): Predictor {
  if (observations.length < FEWEST_OBSERVATIONS) {
    throw new RangeError(
      `predictor: expected at least ${FEWEST_OBSERVATIONS} scores, got ${observations.length}; evaluate more subnets`,
    );
  }
  const strange = observations.find(({ score }) => !Number.isFinite(score));
  if (strange) throw new RangeError(`predictor: expected finite scores, got ${strange.score}`);
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
