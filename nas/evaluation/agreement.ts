import { BadInput } from '../../plan/endings.ts';
import { macs, parameterCount } from '../space/cost.ts';
import { randomOf } from '../space/random.ts';
import { depthOf } from '../space/space.ts';
import type { Space, Subnet } from '../space/space.ts';

/** A measure of how well two lists agree, in -1..1; NaN where it is not defined. */
export type Statistic = (a: Values, b: Values) => number;
export type Values = ArrayLike<number>;

/**
 * Kendall's tau-b (Kendall 1945, with its correction for ties), in O(n log n) by Knight's method (1966).
 * @returns NaN where either list is constant or has fewer than two values
 * @throws BadInput for lists of different lengths or with NaN in them
 */
export function kendallTau(a: Values, b: Values): number {
  assertPairs(a, b);
  const n = a.length;
  const order = sortedOrder(n, (i, j) => a[i]! - a[j]! || b[i]! - b[j]!);
  const tiedA = tiedPairs(n, (at) => a[order[at]!] === a[order[at - 1]!]);
  const tiedBoth = tiedPairs(n, (at) => a[order[at]!] === a[order[at - 1]!] && b[order[at]!] === b[order[at - 1]!]);
  const byA = Float64Array.from(order, (index) => b[index]!);
  // Pairs that a and b order differently are the exchanges of a merge sort by b.
  const discordant = sortCountingExchanges(byA);
  const tiedB = tiedPairs(n, (at) => byA[at] === byA[at - 1]);
  const pairs = (n * (n - 1)) / 2;
  const difference = pairs - tiedA - tiedB + tiedBoth - 2 * discordant; // concordant - discordant
  return clamp(difference / Math.sqrt((pairs - tiedA) * (pairs - tiedB)));
}

/** Pearson's correlation; NaN and errors as `kendallTau`. */
export function pearson(a: Values, b: Values): number {
  assertPairs(a, b);
  if (isConstant(a) || isConstant(b)) return NaN;
  const x = centred(a);
  const y = centred(b);
  const xNorm = norm(x);
  const yNorm = norm(y);
  return clamp(x.reduce((sum, value, index) => sum + (value / xNorm) * (y[index]! / yNorm), 0));
}

/** Spearman's correlation: Pearson's of the ranks, ties sharing their mean rank. */
export function spearman(a: Values, b: Values): number {
  assertPairs(a, b);
  return pearson(ranks(a), ranks(b));
}

/** Ranks from 1, ties sharing their mean rank. */
export function ranks(values: Values): Float64Array {
  const n = values.length;
  const order = sortedOrder(n, (i, j) => values[i]! - values[j]!);
  const result = new Float64Array(n);
  for (let start = 0, end = 0; start < n; start = end) {
    while (end < n && values[order[end]!] === values[order[start]!]) end++;
    for (let at = start; at < end; at++) result[order[at]!] = (start + 1 + end) / 2;
  }
  return result;
}

/** Values less their mean, divided by their standard deviation (of the population); all 0 where they are constant. */
export function standardised(values: Values): Float64Array {
  const x = centred(values);
  const deviation = norm(x) / Math.sqrt(x.length);
  return isConstant(values) ? new Float64Array(x.length) : x.map((value) => value / deviation);
}

function assertPairs(a: Values, b: Values): void {
  if (a.length !== b.length)
    throw new BadInput(`correlation: expected two lists of one length, got ${a.length} and ${b.length}`);
  for (let i = 0; i < a.length; i++) {
    if (Number.isNaN(a[i]) || Number.isNaN(b[i]))
      throw new BadInput(`correlation: expected numbers, got NaN at position ${i}`);
  }
}

function sortedOrder(n: number, compare: (i: number, j: number) => number): Int32Array {
  return Int32Array.from({ length: n }, (_, index) => index).toSorted(compare);
}

/** Pairs inside runs of equal neighbours of a sorted list. */
function tiedPairs(n: number, equalsPrevious: (at: number) => boolean): number {
  let pairs = 0;
  let run = 0;
  for (let at = 1; at < n; at++) {
    run = equalsPrevious(at) ? run + 1 : 0;
    pairs += run;
  }
  return pairs;
}

/** Sorts in place by merging; returns how many pairs stood in descending order. */
function sortCountingExchanges(values: Float64Array): number {
  const n = values.length;
  let from: Float64Array = values;
  let to: Float64Array = new Float64Array(n);
  let exchanges = 0;
  for (let width = 1; width < n; width *= 2) {
    for (let start = 0; start < n; start += 2 * width) {
      const middle = Math.min(start + width, n);
      const end = Math.min(start + 2 * width, n);
      for (let at = start, left = start, right = middle; at < end; at++) {
        if (right >= end || (left < middle && from[left]! <= from[right]!)) {
          to[at] = from[left++]!;
        } else {
          exchanges += middle - left;
          to[at] = from[right++]!;
        }
      }
    }
    [from, to] = [to, from];
  }
  if (from !== values) values.set(from);
  return exchanges;
}

function centred(values: Values): Float64Array {
  const x = Float64Array.from(values);
  const mean = x.reduce((sum, value) => sum + value, 0) / x.length;
  return x.map((value) => value - mean);
}

/** Euclidean length; scaled by the largest value, so that squares neither over- nor underflow. */
function norm(values: Float64Array): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest && largest * Math.sqrt(values.reduce((sum, value) => sum + (value / largest) ** 2, 0));
}

function isConstant(values: Values): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return true;
}

function clamp(correlation: number): number {
  return Math.max(-1, Math.min(1, correlation));
}

interface BootstrapOptions {
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

/** The best that any ranking can reach against labels that carry noise themselves. */
interface NoiseCeiling {
  readonly kendallTau: number;
  readonly pearson: number;
}

/**
 * Reliability of a mean over repetitions: the share of its variance that is not noise.
 * The mean correlation between single repetitions, raised to their number by Spearman-Brown (1910).
 * @param repetitions one list per repetition (seed), each with the subnets in the same order
 * @throws BadInput for fewer than two repetitions
 */
export function reliability(repetitions: readonly Values[]): number {
  const m = repetitions.length;
  if (m < 2) throw new BadInput(`reliability: expected at least two repetitions, got ${m}; train with more seeds`);
  const correlations = repetitions.flatMap((a, index) => repetitions.slice(index + 1).map((b) => pearson(a, b)));
  const single = correlations.reduce((sum, value) => sum + value, 0) / correlations.length;
  return (m * single) / (1 + (m - 1) * single);
}

/**
 * What a perfect ranking reaches on average: Pearson √r (attenuation, Spearman 1904) and tau (2/π)·asin √r, which
 * holds between normal variables of that correlation (Greiner's relation).
 * @param labelReliability r in 0..1; a negative one, which chance can give, counts as 0
 */
export function noiseCeiling(labelReliability: number): NoiseCeiling {
  const root = Math.sqrt(Math.max(0, labelReliability));
  return { pearson: root, kendallTau: (2 / Math.PI) * Math.asin(root) };
}

/** Scores of subnets that need no training: what any supernet has to beat. */
interface Baselines {
  readonly logParameters: Float64Array;
  readonly logMacs: Float64Array;
  /** Number of blocks. */
  readonly depth: Float64Array;
  /** Standardised log parameters plus standardised depth. */
  readonly blend: Float64Array;
}

/**
 * The no-training baselines of subnets, in their order.
 * @param resolution of the images the subnets are meant for, in pixels
 */
export function baselines(
  space: Space,
  subnets: readonly Subnet[],
  { classes, resolution }: { readonly classes: number; readonly resolution: number },
): Baselines {
  const logParameters = Float64Array.from(subnets, (subnet) => Math.log(parameterCount(space, subnet, classes)));
  const logMacs = Float64Array.from(subnets, (subnet) => Math.log(macs(space, subnet, resolution, classes)));
  const depth = Float64Array.from(subnets, depthOf);
  const standardDepth = standardised(depth);
  const blend = standardised(logParameters).map((value, index) => value + standardDepth[index]!);
  return { logParameters, logMacs, depth, blend };
}
