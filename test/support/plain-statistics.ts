import { randomOf } from '../../nas/space/random.ts';

// The statistics of nas/evaluation written as their definitions read, whatever that costs.

type Statistic = (a: readonly number[], b: readonly number[]) => number;

/** Tau-b by looking at every pair. */
export function plainTau(a: readonly number[], b: readonly number[]): number {
  let difference = 0;
  let untiedA = 0;
  let untiedB = 0;
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const x = Math.sign(a[i]! - a[j]!);
      const y = Math.sign(b[i]! - b[j]!);
      difference += x * y;
      untiedA += Math.abs(x);
      untiedB += Math.abs(y);
    }
  }
  return difference / Math.sqrt(untiedA * untiedB);
}

export function plainMean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Covariance over the product of the deviations. */
export function plainPearson(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [plainMean(a), plainMean(b)];
  const sum = (of: (i: number) => number): number => a.reduce((total, _, i) => total + of(i), 0);
  const covariance = sum((i) => (a[i]! - meanA) * (b[i]! - meanB));
  return covariance / Math.sqrt(sum((i) => (a[i]! - meanA) ** 2) * sum((i) => (b[i]! - meanB) ** 2));
}

/** Pearson's correlation of the ranks. */
export function plainSpearman(a: readonly number[], b: readonly number[]): number {
  return plainPearson(plainRanks(a), plainRanks(b));
}

/** One more than how many are smaller, plus half of how many others are equal. */
function plainRanks(values: readonly number[]): number[] {
  return values.map((value) => {
    const smaller = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return 1 + smaller + (equal - 1) / 2;
  });
}

/** The means over groups of a statistic in resamples that draw within each group, ascending; those without one left out. */
export function plainResamples(
  statistic: Statistic,
  a: readonly number[],
  b: readonly number[],
  groups: readonly (readonly number[])[],
  { seed, samples }: { readonly seed: number; readonly samples: number },
): number[] {
  const random = randomOf(seed, 'bootstrap');
  const found: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const values = groups.map((group) => {
      const drawn = group.map(() => group[random.integer(group.length)]!);
      return statistic(
        drawn.map((at) => a[at]!),
        drawn.map((at) => b[at]!),
      );
    });
    if (values.every((value) => !Number.isNaN(value))) found.push(plainMean(values));
  }
  return found.toSorted((x, y) => x - y);
}

/** Values less their mean, in units of their spread. */
export function inUnits(values: readonly number[]): number[] {
  const mean = plainMean(values);
  const spread = Math.sqrt(plainMean(values.map((value) => (value - mean) ** 2)));
  return values.map((value) => (value - mean) / spread);
}
