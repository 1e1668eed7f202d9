import { z } from 'zod';
import { bootstrapInterval } from './agreement.ts';
import type { Interval } from './agreement.ts';
import { kendallTau } from './correlation.ts';
import type { Values } from './correlation.ts';
import { assertFits, scoresOf, ScoreName } from './epoch-scores.ts';
import { chosenBy, readGroundTruth, truthAt } from './ground-truth.ts';
import { IntervalRecord } from './predictor/predicted-ranking.ts';
import { isEvaluated } from './ranking.ts';
import type { RankingSet, TableRow } from './ranking.ts';
import { fitWithSizes, withSizes } from './size-mix.ts';
import { supernetScores } from './supernet-scores.ts';
import { FileReference, SelectedSupernet } from '../../artifacts/references.ts';
import { BadInput } from '../../plan/endings.ts';

// A ranking by the accuracies that are to be expected of subnets trained alone: a linear fit, on a ground truth, of a supernet's score
// and of sizes. `fit.json` says what it stands on and how sure it is.

/** `with.fit` of `merge-results`. */
export const Fit = z.strictObject({
  supernet: SelectedSupernet.meta({
    description: '`${{ stages.<id>.selected }}`: the one that was evaluated, for what it made of the ground truth.',
  }),
  ground_truth: FileReference.meta({
    description: 'Accuracies of subnets that were trained alone: the ground truth that this supernet was trained with.',
  }),
  score: ScoreName.default('cross_entropy').meta({
    description: 'What stands for the supernet in the fit, beside log parameters, log MACs and depth.',
  }),
});
export type Fit = z.infer<typeof Fit>;

interface FitRecord {
  readonly version: 1;
  readonly ground_truth: FileReference;
  readonly score: ScoreName;
  /** Those that it was fitted on. */
  readonly subnets: number;
  /** Percent points that one of each is worth: of the score, of log parameters, of log MACs, of blocks. */
  readonly weights: Readonly<Record<string, number>>;
  /** Of subnets, each tenth by a fit on the others. */
  readonly leaveOut: { readonly tau: Interval; readonly rmse: Interval };
}

/** What is read again of `fit.json`. */
export const FitFigures = z.object({
  subnets: z.int(),
  leaveOut: z.object({ tau: IntervalRecord, rmse: IntervalRecord }),
});

const SEED = 0;

/**
 * Accuracies that are to be expected of the subnets of a ranking, in percent, in their order.
 * @throws BadInput where another supernet was evaluated, or not every subnet
 */
export async function fitRanking(
  root: string,
  { supernet, ground_truth: source, score }: Fit,
  set: RankingSet,
  rows: readonly TableRow[],
): Promise<{ accuracies: Float64Array; record: FitRecord }> {
  if (supernet.sha256 !== set.supernet.sha256) {
    throw new BadInput(
      `fit.supernet: expected the supernet that was evaluated (${set.supernet.sha256.slice(0, 12)}), got ${supernet.file} (${supernet.sha256.slice(0, 12)}); name the same one`,
    );
  }
  const left = rows.filter((row) => !isEvaluated(row)).length;
  if (left > 0) {
    throw new BadInput(`fit: expected a score of every subnet, got none of ${left}; leave out the budget, or fit`);
  }
  const { space, n_classes: classes } = set;
  const truth = await readGroundTruth(space, source);
  assertFits(source.file, truth, { sizes: true });
  const [own] = (await supernetScores(root, supernet, { whole: truth }, { score })).byEpoch;
  const fit = fitWithSizes({ space, classes, truth }, own!);
  const leftOut = withSizes({ space, classes, truth }, own!);
  const positions = chosenBy(truth);
  const measured = truthAt(truth, positions).accuracies;
  const expected = positions.map((position) => leftOut[position]!);
  return {
    accuracies: fit.of(rows, scoresOfRows(rows, score)),
    record: {
      version: 1,
      ground_truth: source,
      score,
      subnets: positions.length,
      weights: fit.weights,
      leaveOut: {
        tau: bootstrapInterval(kendallTau, measured, expected, { seed: SEED }),
        rmse: bootstrapInterval(rootMeanSquare, measured, expected, { seed: SEED }),
      },
    },
  };
}

/** In the units of an epoch's record. A net without a single finite logit is as bad as the worst that has one. */
function scoresOfRows(rows: readonly TableRow[], score: ScoreName): readonly number[] {
  const worst = rows.reduce((most, { crossEntropy }) => (crossEntropy > most ? crossEntropy : most), 0);
  return scoresOf(
    {
      groundTruth: rows.map(({ top1 }) => top1 / 100),
      groundTruthLosses: rows.map(({ crossEntropy }) => (Number.isFinite(crossEntropy) ? crossEntropy : worst)),
    },
    score,
  )!;
}

function rootMeanSquare(a: Values, b: Values): number {
  let sum = 0;
  for (let at = 0; at < a.length; at++) sum += (a[at]! - b[at]!) ** 2;
  return Math.sqrt(sum / a.length);
}
