import { EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { Moments } from './moments.ts';

/** A linear function of features. */
export interface Ridge {
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
