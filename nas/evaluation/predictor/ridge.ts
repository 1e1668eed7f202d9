import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { bootstrapInterval } from '../agreement.ts';
import { kendallTau, pearson } from '../correlation.ts';
import type { Interval } from '../agreement.ts';
import type { Statistic, Values } from '../correlation.ts';
import { randomOf } from '../../space/random.ts';

/** A linear function of features. */
interface Ridge {
  readonly coefficients: Float64Array;
  readonly intercept: number;
  /** Penalty per observation that cross-validation chose. */
  readonly lambda: number;
  /** Mean of the targets it was fitted on. */
  readonly mean: number;
}

/** From next to none to one that leaves little but the mean, four a decade. */
const LAMBDAS = Array.from({ length: 29 }, (_, index) => 10 ** (index / 4 - 5));

// Degrees of freedom count for more than they are, else small samples are now and then fitted far too closely (Kim & Gu 2004).
const CAUTION = 1.4;

// Below this share of its mean square, a feature's variance is rounding: it is constant and says nothing.
const CONSTANT = 1e-10;

/**
 * Ridge regression (Hoerl & Kennard 1970) on standardised features: minimises
 * mean (y - ŷ)² + λ·Σ (cᵢ / weightᵢ)², where cᵢ belongs to the standardised feature. λ has the least error by generalised
 * cross-validation (Golub, Heath & Wahba 1979), the rotation-invariant form of leaving one out. By the eigenvectors of
 * the features' correlation every λ costs next to nothing.
 * @param weights positive, one a feature
 * @param lambdas to choose from
 * @returns coefficients for features as they come, not standardised
 */
export function fitRidge(
  { count, x, xx, xy, y, yy }: Moments,
  weights: Float64Array,
  lambdas: readonly number[] = LAMBDAS,
): Ridge {
  const features = x.length;
  const means = x.map((sum) => sum / count);
  const mean = y / count;
  // Standardising and weighting in one factor; 0 takes a constant feature out.
  const scales = weights.map((weight, i) => {
    const square = xx[i * features + i]! / count;
    const variance = square - means[i]! ** 2;
    return variance > CONSTANT * square ? weight / Math.sqrt(variance) : 0;
  });
  const covariance = (i: number, j: number): number =>
    scales[i]! * scales[j]! * (xx[Math.max(i, j) * features + Math.min(i, j)]! / count - means[i]! * means[j]!);
  const table = Array.from({ length: features }, (_, i) =>
    Array.from({ length: features }, (__, j) => covariance(i, j)),
  );
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(new Matrix(table), {
    assumeSymmetric: true,
  });
  const eigenvalues = realEigenvalues.map((value) => Math.max(0, value));
  const withTarget = Array.from(scales, (scale, i) => scale * (xy[i]! / count - means[i]! * mean));
  const rotated = eigenvectorMatrix.transpose().mmul(Matrix.columnVector(withTarget)).to1DArray();

  const error = (lambda: number): number => {
    let residual = yy / count - mean * mean;
    let freedom = 1; // the mean's
    for (const [i, value] of eigenvalues.entries()) {
      residual -= (rotated[i]! / (value + lambda)) ** 2 * (value + 2 * lambda);
      freedom += value / (value + lambda);
    }
    const left = 1 - (CAUTION * freedom) / count;
    return left > 0 ? Math.max(0, residual) / left ** 2 : Infinity;
  };
  const lambda = least(lambdas, error);
  const inner = rotated.map((value, i) => value / (eigenvalues[i]! + lambda));
  const outer = eigenvectorMatrix.mmul(Matrix.columnVector(inner)).to1DArray();
  const coefficients = scales.map((scale, i) => scale * outer[i]!);
  return { coefficients, intercept: mean - dot(coefficients, means), lambda, mean };
}

/** The ridge's value for a row of features. */
export function valueOf({ coefficients, intercept }: Ridge, row: Float64Array): number {
  return intercept + dot(coefficients, row);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Of equals the larger penalty. */
function least(lambdas: readonly number[], error: (lambda: number) => number): number {
  const errors = lambdas.map(error);
  return lambdas[errors.lastIndexOf(Math.min(...errors))]!;
}

/** Sums over observations: all that a ridge regression needs of them. Sums of parts add up, and can be taken away again. */
interface Moments {
  readonly count: number;
  /** Σ x, [features] */
  readonly x: Float64Array;
  /** Σ x·xᵀ, [features, features]: the lower triangle, the rest is 0. */
  readonly xx: Float64Array;
  /** Σ x·y, [features] */
  readonly xy: Float64Array;
  readonly y: number;
  readonly yy: number;
}

/** @param rows of features, all of one length  @param targets one a row */
export function momentsOf(rows: readonly Float64Array[], targets: ArrayLike<number>): Moments {
  const features = rows[0]?.length ?? 0;
  const x = new Float64Array(features);
  const xx = new Float64Array(features * features);
  const xy = new Float64Array(features);
  let y = 0;
  let yy = 0;
  for (const [index, row] of rows.entries()) {
    const target = targets[index]!;
    y += target;
    yy += target * target;
    for (let i = 0; i < features; i++) {
      const value = row[i]!;
      if (value === 0) continue;
      x[i]! += value;
      xy[i]! += value * target;
      for (let j = 0; j <= i; j++) xx[i * features + j]! += value * row[j]!;
    }
  }
  return { count: rows.length, x, xx, xy, y, yy };
}

/** The moments of the observations that are in `all` but not in `some` of them. */
export function without(all: Moments, some: Moments): Moments {
  return {
    count: all.count - some.count,
    x: less(all.x, some.x),
    xx: less(all.xx, some.xx),
    xy: less(all.xy, some.xy),
    y: all.y - some.y,
    yy: all.yy - some.yy,
  };
}

function less(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, index) => value - b[index]!);
}

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
