import {
  bootstrapInterval,
  compareRankings,
  groupsOf,
  noiseCeiling,
  reliability,
} from '../nas/evaluation/agreement.ts';
import type { Comparison, Groups, Interval } from '../nas/evaluation/agreement.ts';
import { baselines } from '../nas/evaluation/baselines.ts';
import { kendallTau, pearson, spearman } from '../nas/evaluation/correlation.ts';
import type { Statistic, Values } from '../nas/evaluation/correlation.ts';
import type { Counted, GroundTruth } from '../nas/evaluation/ground-truth.ts';
import { parsePredictor } from '../nas/evaluation/predictor/predicted-ranking.ts';
import { chosenBy } from '../nas/evaluation/ground-truth.ts';
import { topRegret } from '../nas/evaluation/regret.ts';
import { FEWEST_TO_FIT, mixedByBand, mixes, withSizes } from '../nas/evaluation/size-mix.ts';
import type { Space } from '../nas/space/space.ts';

// The figures of a report: pure functions of the ground truth, of what a supernet made of it, and of what a predictor left.
// Their intervals are over subnets and, where the truth has single runs, over its seeds too.

/** How well scores rank subnets. */
export interface RankFigures {
  readonly tau: Interval;
  readonly spearman: Interval;
  readonly pearson: Interval;
  /** Accuracy lost by taking the scores' best tenth, in percent points. */
  readonly regret: Interval;
}

/** Figures of a ranking overall, and its tau less that of the best baseline, on the same resamples. */
interface Placed extends RankFigures {
  readonly overBaseline: Comparison;
}

export interface SupernetFigures extends Placed {
  /** The means over the bands, each band's subnets ranked among themselves; null where there are no bands. */
  readonly inside: Placed | null;
}

export interface BaselineFigures extends RankFigures {
  readonly name: string;
  readonly inside: RankFigures | null;
}

/** A baseline with its scores. */
export interface Scored {
  readonly figures: BaselineFigures;
  readonly scores: Values;
}

export interface Ceiling {
  readonly reliability: number;
  readonly kendallTau: number;
  readonly pearson: number;
  /** The means over the bands; null where there are none. */
  readonly inside: { readonly reliability: number; readonly kendallTau: number; readonly pearson: number } | null;
}

const SEED = 1;

/** For the figures beside tau: a report of hundreds of subnets is to take seconds. */
const FEWER_RESAMPLES = 500;

/** A band of fewer says nothing about a ranking. */
const FEWEST_IN_BAND = 3;

export function bandsOf({ bands }: GroundTruth): Groups | null {
  const groups = groupsOf(bands).filter((group) => group.length >= FEWEST_IN_BAND);
  return groups.length === 0 ? null : groups;
}

/** The options of every interval: which subnets, and how they are drawn. */
export function draws(truth: GroundTruth, seed: number, groups: Groups | null) {
  return { seed, runs: truth.runs, ...(groups && { groups }) };
}

function rankFigures(truth: GroundTruth, scores: Values, seed: number, groups: Groups | null): RankFigures {
  const of = (statistic: Statistic, samples?: number): Interval =>
    bootstrapInterval(statistic, truth.accuracies, scores, {
      ...draws(truth, seed, groups),
      ...(samples && { samples }),
    });
  return {
    tau: of(kendallTau),
    spearman: of(spearman, FEWER_RESAMPLES),
    pearson: of(pearson, FEWER_RESAMPLES),
    regret: of(topRegret, FEWER_RESAMPLES),
  };
}

/**
 * Agreement of each baseline with the truth, the best overall first.
 * @param zeroCost scores of the untrained networks, by their names
 */
export function baselineFigures(
  space: Space,
  { whole, positions, truth }: Counted,
  classes: number,
  zeroCost: Readonly<Record<string, Values>> = {},
): Scored[] {
  const resolution = space.resolutions.at(-1)!;
  const groups = bandsOf(truth);
  const sizes = baselines(space, truth.subnets, { classes, resolution });
  const byBand = mixedByBand({ space, classes, truth });
  const fitted = chosenBy(whole).length < FEWEST_TO_FIT ? null : withSizes({ space, classes, truth: whole }, null);
  const mixed = {
    ...(byBand && { [mixes.bands]: byBand }),
    ...(fitted && { [mixes.subnets]: positions.map((position) => fitted[position]!) }),
  };
  return Object.entries<Values>({ ...sizes, ...mixed, ...zeroCost })
    .map(([name, scores]) => {
      const inside = groups && rankFigures(truth, scores, SEED, groups);
      return { figures: { name, ...rankFigures(truth, scores, SEED, null), inside }, scores };
    })
    .toSorted((a, b) => b.figures.tau.estimate - a.figures.tau.estimate);
}

/**
 * How well the scores that a supernet gives to subnets rank their accuracies, and how far that passes the best baseline,
 * overall and inside bands.
 * @param seed of its training
 */
export function supernetFigures(
  truth: GroundTruth,
  scores: Values,
  untrained: readonly Scored[],
  seed: number,
): SupernetFigures {
  const groups = bandsOf(truth);
  const placed = (within: Groups | null, best: Scored): Placed => ({
    ...rankFigures(truth, scores, seed, within),
    overBaseline: compareRankings(kendallTau, truth.accuracies, scores, best.scores, draws(truth, seed, within)),
  });
  return { ...placed(null, untrained[0]!), inside: groups && placed(groups, bestInside(untrained)) };
}

/** The baseline that ranks best inside bands. */
export function bestInside(untrained: readonly Scored[]): Scored {
  return untrained.toSorted((a, b) => insideTau(b) - insideTau(a))[0]!;
}

function insideTau({ figures }: Scored): number {
  return figures.inside!.tau.estimate;
}

/** A ranking's tau less that of another, on the same resamples, overall and as the mean over the bands. */
export interface Difference extends Comparison {
  /** Null where there are no bands. */
  readonly inside: Comparison | null;
}

/** @param seed of the first one's training */
export function differenceOf(truth: GroundTruth, scores: Values, first: Values, seed: number): Difference {
  const within = (groups: Groups | null): Comparison =>
    compareRankings(kendallTau, truth.accuracies, scores, first, draws(truth, seed, groups));
  const groups = bandsOf(truth);
  return { ...within(null), inside: groups && within(groups) };
}

/** What a perfect ranking would reach against these labels; null where their noise is not known. */
export function ceilingOf(truth: GroundTruth): Ceiling | null {
  const { runs } = truth;
  if (runs === null) return null;
  const of = (group: readonly number[]) => {
    const share = reliability(group.map((position) => runs[position]!));
    return { reliability: share, ...noiseCeiling(share) };
  };
  const inside = bandsOf(truth)?.map(of);
  const mean = (key: keyof ReturnType<typeof of>): number =>
    inside!.reduce((sum, one) => sum + one[key], 0) / inside!.length;
  return {
    ...of([...truth.accuracies.keys()]),
    inside: inside
      ? { reliability: mean('reliability'), kendallTau: mean('kendallTau'), pearson: mean('pearson') }
      : null,
  };
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
  readonly baselines: readonly { readonly name: string; readonly tau: Interval }[];
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
