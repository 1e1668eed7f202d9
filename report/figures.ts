import {
  baselines,
  bootstrapInterval,
  compareRankings,
  noiseCeiling,
  reliability,
} from '../nas/evaluation/agreement.ts';
import type { Comparison, Interval } from '../nas/evaluation/agreement.ts';
import { kendallTau, pearson, spearman } from '../nas/evaluation/correlation.ts';
import type { Statistic, Values } from '../nas/evaluation/correlation.ts';
import type { GroundTruth } from '../nas/evaluation/ground-truth.ts';
import { parsePredictor } from '../nas/evaluation/predictor/predicted-ranking.ts';
import type { Space } from '../nas/space/space.ts';

// The figures of a report: pure functions of the ground truth, of what a supernet made of it, and of what a predictor left.

export interface SupernetFigures {
  readonly tau: Interval;
  readonly spearman: Interval;
  readonly pearson: Interval;
  /** Its tau less that of the best baseline, on the same resamples. */
  readonly overBaseline: Comparison;
}

export interface BaselineFigures {
  readonly name: string;
  readonly tau: Interval;
}

export interface Ceiling {
  readonly reliability: number;
  readonly kendallTau: number;
  readonly pearson: number;
}

const SEED = 1;

/** Rank agreement of each baseline with the truth, the best first. */
export function baselineFigures(
  space: Space,
  truth: GroundTruth,
  classes: number,
): { figures: BaselineFigures; scores: Float64Array }[] {
  const resolution = space.resolutions.at(-1)!;
  const all: [string, Float64Array][] = Object.entries(baselines(space, truth.subnets, { classes, resolution }));
  return all
    .map(([name, scores]) => {
      const tau = bootstrapInterval(kendallTau, truth.accuracies, scores, { seed: SEED });
      return { figures: { name, tau }, scores };
    })
    .toSorted((a, b) => b.figures.tau.estimate - a.figures.tau.estimate);
}

/**
 * How well the scores that a supernet gives to subnets rank their accuracies, and how far that passes the best baseline.
 * @param seed of its training: the interval of tau is then the one recorded with the epoch
 */
export function supernetFigures(accuracies: Values, scores: Values, best: Values, seed: number): SupernetFigures {
  const of = (statistic: Statistic): Interval => bootstrapInterval(statistic, accuracies, scores, { seed });
  return {
    tau: of(kendallTau),
    spearman: of(spearman),
    pearson: of(pearson),
    overBaseline: compareRankings(kendallTau, accuracies, scores, best, { seed }),
  };
}

/** What a perfect ranking would reach against these labels; null where their noise is not known. */
export function ceilingOf({ bySeed }: GroundTruth): Ceiling | null {
  if (bySeed === null) return null;
  const share = reliability(bySeed);
  return { reliability: share, ...noiseCeiling(share) };
}

/** What a predictor did for a ranking, and how well it does on subnets that its fit did not see. */
export interface Prediction {
  /** Subnets that it was fitted on, and those that have no accuracy but the predicted one: none where all were measured. */
  readonly subnets: { readonly evaluated: number; readonly predicted: number };
  readonly folds: number;
  /** Of top-1, left out against measured. */
  readonly tau: Interval;
  /** In percent points. */
  readonly rmse: Interval;
  /** What sizes alone reach on the same subnets, the best first. */
  readonly baselines: readonly BaselineFigures[];
}

/** The predictor's part in a ranking, from the text of its `predictor.json`. */
export function predictionOf(text: string, where: string): Prediction {
  const { subnets, top1, baselines: untrained } = parsePredictor(text, where);
  return {
    subnets,
    ...top1.leaveOut,
    baselines: Object.entries(untrained)
      .map(([name, { tau }]) => ({ name, tau }))
      .toSorted((a, b) => b.tau.estimate - a.tau.estimate),
  };
}
