import { randomOf } from '../space/random.ts';
import type { Statistic, Values } from './metrics.ts';

export interface BootstrapOptions {
  readonly seed: number;
  /** Resamples; 2,000 unless told. */
  readonly samples?: number;
  /** Share of the resamples inside the interval; 0.95 unless told. */
  readonly level?: number;
}

/** A statistic that is never shown bare. */
export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
  readonly standardError: number;
  readonly level: number;
}

export interface Comparison extends Interval {
  /** Share of the resamples in which the second ranking is at least as good as the first. */
  readonly notBetter: number;
}

/**
 * Percentile bootstrap of a correlation (Efron 1979): pairs are drawn with replacement, as many as there are.
 * Resamples without a correlation (a constant list) do not count; where none has one, the bounds are NaN.
 * A pure function of its arguments.
 */
export function bootstrapInterval(statistic: Statistic, a: Values, b: Values, options: BootstrapOptions): Interval {
  const resampled = resamples(a.length, options, (draw) => statistic(take(a, draw), take(b, draw)));
  return intervalOf(statistic(a, b), resampled, options);
}

/**
 * How much better the first of two rankings of the same subnets agrees with the truth than the second: the difference
 * of the two correlations, on the same resamples, so that what both share cancels out.
 */
export function compareRankings(
  statistic: Statistic,
  truth: Values,
  first: Values,
  second: Values,
  options: BootstrapOptions,
): Comparison {
  const difference = (t: Values, x: Values, y: Values): number => statistic(t, x) - statistic(t, y);
  const resampled = resamples(truth.length, options, (draw) =>
    difference(take(truth, draw), take(first, draw), take(second, draw)),
  );
  const notBetter = resampled.filter((value) => value <= 0).length / resampled.length;
  return { ...intervalOf(difference(truth, first, second), resampled, options), notBetter };
}

/** The statistic of each resample, ascending, less those that are NaN. */
function resamples(n: number, options: BootstrapOptions, statistic: (draw: Int32Array) => number): Float64Array {
  const { seed, samples = 2000 } = options;
  const random = randomOf(seed, 'bootstrap');
  const values = Array.from({ length: samples }, () =>
    statistic(Int32Array.from({ length: n }, () => random.integer(n))),
  );
  return Float64Array.from(values.filter((value) => !Number.isNaN(value))).toSorted();
}

function take(values: Values, draw: Int32Array): Float64Array {
  return Float64Array.from(draw, (index) => values[index]!);
}

function intervalOf(estimate: number, sorted: Float64Array, { level = 0.95 }: BootstrapOptions): Interval {
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  const variance = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (sorted.length - 1);
  return {
    estimate,
    low: quantile(sorted, (1 - level) / 2),
    high: quantile(sorted, (1 + level) / 2),
    standardError: Math.sqrt(variance),
    level,
  };
}

/** Linear between the order statistics; NaN of an empty list. */
function quantile(sorted: Float64Array, share: number): number {
  const position = share * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? NaN;
  const above = sorted[Math.ceil(position)] ?? NaN;
  return below + (above - below) * (position - Math.floor(position));
}
