import { randomOf } from '../../space/random.ts';
import { bootstrapInterval } from '../bootstrap.ts';
import type { Interval } from '../bootstrap.ts';
import { kendallTau, pearson } from '../metrics.ts';
import type { Statistic, Values } from '../metrics.ts';
import { momentsOf, without } from './moments.ts';
import type { Moments } from './moments.ts';
import { fitRidge, valueOf } from './ridge.ts';

/** How well a predictor does on observations that it was not fitted on. */
export interface LeaveOut {
  readonly folds: number;
  readonly tau: Interval;
  readonly pearson: Interval;
  /** Root of the mean squared error, in the scores' unit. */
  readonly rmse: Interval;
}

const FOLDS = 10;

/**
 * Error by ten-fold cross-validation: each tenth is predicted by a fit that never saw it, its penalty chosen without it.
 * Correlations take the predictions less the mean that their fit saw: where a fold has high scores the others' mean is
 * low, so a fit that knows nothing else would seem to rank backwards.
 * @param moments of all rows
 */
export function leaveOut(
  rows: readonly Float64Array[],
  targets: Values,
  moments: Moments,
  weights: Float64Array,
  seed: number,
): LeaveOut {
  const order = randomOf(seed, 'folds').shuffle(rows.length);
  const predicted = new Float64Array(rows.length);
  const relative = new Float64Array(rows.length);
  for (let fold = 0; fold < FOLDS; fold++) {
    const held = Array.from(order.filter((_, at) => at % FOLDS === fold));
    const fit = fitRidge(without(moments, momentsOf(take(rows, held), take(targets, held))), weights);
    for (const position of held) {
      const value = valueOf(fit, rows[position]!);
      predicted[position] = value;
      relative[position] = value - fit.mean;
    }
  }
  const options = { seed, samples: resamples(rows.length) };
  const interval = (statistic: Statistic, values: Float64Array): Interval =>
    bootstrapInterval(statistic, targets, values, options);
  return {
    folds: FOLDS,
    tau: interval(kendallTau, relative),
    pearson: interval(pearson, relative),
    rmse: interval(rootMeanSquare, predicted),
  };
}

/** Enough for an interval in less than a second; the more observations, the narrower and the surer it is anyway. */
export function resamples(observations: number): number {
  return Math.min(1000, Math.max(50, Math.round(5e5 / observations)));
}

const rootMeanSquare: Statistic = (a, b) => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return Math.sqrt(sum / a.length);
};

function take<T>(values: ArrayLike<T>, positions: readonly number[]): T[] {
  return positions.map((position) => values[position]!);
}
