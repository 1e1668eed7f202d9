import { assertOneLength, pearson } from './correlation.ts';
import type { Statistic, Values } from './correlation.ts';
import { BadInput } from '../../plan/endings.ts';
import { randomOf } from '../space/random.ts';
import type { Random } from '../space/random.ts';

// How well a ranking agrees with the truth, how sure that is, and how high noise lets it come.

interface BootstrapOptions {
  readonly seed: number;
  /** Resamples; 2,000 unless told. */
  readonly samples?: number;
  /** Share of the resamples inside the interval; 0.95 unless told. */
  readonly level?: number;
  /** Compare only within these; all subnets are one group unless told. */
  readonly groups?: Groups;
  /**
   * By subnet, the runs that its value in the first list is the mean of: each resample then draws runs too, for every subnet as
   * many as it has. null: the noise of that list is not known, and subnets alone are drawn.
   */
  readonly runs?: readonly Values[] | null;
}

/** Positions of subnets in their list, by group. Who stands in none does not count. */
export type Groups = readonly (readonly number[])[];

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

/** The groups of subnets that have a label in common, in the order in which labels first come up; null belongs to none. */
export function groupsOf(labels: readonly (string | null)[]): Groups {
  const groups = new Map<string, number[]>();
  for (const [position, label] of labels.entries()) {
    if (label === null) continue;
    const group = groups.get(label);
    if (group) group.push(position);
    else groups.set(label, [position]);
  }
  return [...groups.values()];
}

/**
 * Percentile bootstrap of a correlation (Efron 1979): pairs are drawn with replacement, as many as there are. With several
 * groups it is the mean of the groups' correlations, and pairs are drawn within each group.
 * Resamples without a correlation (a constant list) do not count; where none has one, the bounds are NaN.
 * A pure function of its arguments.
 */
export function bootstrapInterval(statistic: Statistic, a: Values, b: Values, options: BootstrapOptions): Interval {
  assertOneLength(a, b);
  return interval(a, options, (drawn, positions) => statistic(drawn, take(b, positions))).interval;
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
  return comparePairs(statistic, truth, [[first, second]], options);
}

/**
 * The same for several pairs of rankings, such as one for each seed of training: the mean of their differences. Each resample
 * draws pairs too, as many as there are, so the interval knows how much they differ.
 */
export function comparePairs(
  statistic: Statistic,
  truth: Values,
  pairs: readonly (readonly [first: Values, second: Values])[],
  options: BootstrapOptions,
): Comparison {
  for (const ranking of pairs.flat()) assertOneLength(truth, ranking);
  const found = interval(truth, options, (drawn, positions, random) =>
    meanOf(
      redrawnOf(pairs, random),
      ([first, second]) => statistic(drawn, take(first, positions)) - statistic(drawn, take(second, positions)),
    ),
  );
  const notBetter = found.resampled.filter((value) => value <= 0).length / found.resampled.length;
  return { ...found.interval, notBetter };
}

/** The mean agreement of several rankings, such as one for each seed of training; its resamples draw rankings too, as above. */
export function meanAgreement(
  statistic: Statistic,
  truth: Values,
  rankings: readonly Values[],
  options: BootstrapOptions,
): Interval {
  for (const ranking of rankings) assertOneLength(truth, ranking);
  return interval(truth, options, (drawn, positions, random) =>
    meanOf(redrawnOf(rankings, random), (ranking) => statistic(drawn, take(ranking, positions))),
  ).interval;
}

/** As many as there are, drawn anew where there is something to draw with; of a single one there is nothing to draw. */
function redrawnOf<T>(list: readonly T[], random: Random | null): readonly T[] {
  return random === null || list.length === 1 ? list : list.map(() => list[random.integer(list.length)]!);
}

function meanOf<T>(list: readonly T[], of: (one: T) => number): number {
  return list.reduce((sum, one) => sum + of(one), 0) / list.length;
}

/**
 * The mean over groups of a statistic of the subnets at some positions and their values of `a`, with its interval and the
 * resamples, ascending. The statistic may draw what it is of where it is given something to draw with.
 */
function interval(
  a: Values,
  {
    seed,
    samples = 2000,
    level = 0.95,
    groups = [Array.from({ length: a.length }, (_, position) => position)],
    runs = null,
  }: BootstrapOptions,
  statistic: (drawn: Float64Array, positions: ArrayLike<number>, random: Random | null) => number,
): { interval: Interval; resampled: Float64Array } {
  const random = randomOf(seed, 'bootstrap');
  const overGroups = (of: (group: readonly number[]) => number): number =>
    groups.reduce((sum, group) => sum + of(group), 0) / groups.length;
  const resample = (group: readonly number[]): number => {
    const positions = Int32Array.from({ length: group.length }, () => group[random.integer(group.length)]!);
    const drawn = runs === null ? take(a, positions) : redrawn(runs, positions, random);
    return statistic(drawn, positions, random);
  };

  const estimate = overGroups((group) => statistic(take(a, group), group, null));
  const drawn = Array.from({ length: samples }, () => overGroups(resample));
  const found = Float64Array.from(drawn.filter((value) => !Number.isNaN(value))).toSorted();
  const mean = found.reduce((sum, value) => sum + value, 0) / found.length;
  const variance = found.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (found.length - 1);
  // Runs drawn anew are noisier than those there are, so agreement with them is lower: that much is taken away again.
  const resampled = runs === null ? found : found.map((value) => value + estimate - mean);
  const low = quantile(resampled, (1 - level) / 2);
  const high = quantile(resampled, (1 + level) / 2);
  return { interval: { estimate, low, high, standardError: Math.sqrt(variance), level }, resampled };
}

/** The means of as many runs as each position has, drawn anew. */
function redrawn(runs: readonly Values[], positions: ArrayLike<number>, random: Random): Float64Array {
  return Float64Array.from(positions, (position) => {
    const own = runs[position]!;
    let sum = 0;
    for (let draw = 0; draw < own.length; draw++) sum += own[random.integer(own.length)]!;
    return sum / own.length;
  });
}

function take(values: Values, positions: ArrayLike<number>): Float64Array {
  return Float64Array.from(positions, (position) => values[position]!);
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
 * Reliability of means over runs: the share of their variance that is not noise. The mean correlation between single runs,
 * of those that all subnets have, raised to the number of runs by Spearman-Brown (1910); where subnets have different numbers,
 * to their harmonic mean, by which noise goes down.
 * @param runs by subnet, its runs, one a seed
 * @throws BadInput where a subnet has fewer than two
 */
export function reliability(runs: readonly Values[]): number {
  const all = Math.min(...runs.map(({ length }) => length));
  if (all < 2)
    throw new BadInput(`reliability: expected at least two runs of every subnet, got ${all}; train with more seeds`);
  const bySeed = Array.from({ length: all }, (_, seed) => runs.map((own) => own[seed]!));
  const correlations = bySeed.flatMap((a, index) => bySeed.slice(index + 1).map((b) => pearson(a, b)));
  const single = correlations.reduce((sum, value) => sum + value, 0) / correlations.length;
  const m = runs.length / runs.reduce((sum, { length }) => sum + 1 / length, 0);
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
