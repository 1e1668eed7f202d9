import { pearson } from './metrics.ts';
import type { Values } from './metrics.ts';

/** The best that any ranking can reach against labels that carry noise themselves. */
export interface NoiseCeiling {
  readonly kendallTau: number;
  readonly pearson: number;
}

/**
 * Reliability of a mean over repetitions: the share of its variance that is not noise.
 * The mean correlation between single repetitions, raised to their number by Spearman-Brown (1910).
 * @param repetitions one list per repetition (seed), each with the subnets in the same order
 * @throws RangeError for fewer than two repetitions
 */
export function reliability(repetitions: readonly Values[]): number {
  const m = repetitions.length;
  if (m < 2) throw new RangeError(`reliability: expected at least two repetitions, got ${m}; train with more seeds`);
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
