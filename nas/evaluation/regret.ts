import { assertOneLength } from './correlation.ts';
import type { Statistic, Values } from './correlation.ts';

/** How many of so many subnets a ranking's best are: a tenth, and one at least. */
export function topOf(subnets: number): number {
  return Math.max(1, Math.round(subnets / 10));
}

/**
 * What is lost by taking a ranking's best tenth: the mean accuracy of the truly best tenth less that of those the scores
 * choose, in the accuracies' unit. Where scores tie at the border, the mean over all choices. Never negative; 0 is perfect.
 */
export const topRegret: Statistic = (accuracies, scores) => {
  assertOneLength(accuracies, scores);
  const count = topOf(accuracies.length);
  return meanOfBest(accuracies, accuracies, count) - meanOfBest(accuracies, scores, count);
};

/** The mean value of the `count` with the highest scores. */
function meanOfBest(values: Values, scores: Values, count: number): number {
  const border = Array.from(scores).toSorted((a, b) => b - a)[count - 1]!;
  let [sum, above, tied, tiedSum] = [0, 0, 0, 0];
  for (let at = 0; at < values.length; at++) {
    if (scores[at]! > border) {
      sum += values[at]!;
      above++;
    } else if (scores[at] === border) {
      tiedSum += values[at]!;
      tied++;
    }
  }
  return (sum + (tiedSum / tied) * (count - above)) / count;
}
