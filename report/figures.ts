import path from 'node:path';
import type { EpochRecord } from '../artifacts/manifest.ts';
import {
  baselines,
  bootstrapInterval,
  compareRankings,
  kendallTau,
  noiseCeiling,
  pearson,
  reliability,
  spearman,
} from '../nas/evaluation/agreement.ts';
import type { Comparison, Interval } from '../nas/evaluation/agreement.ts';
import { readPredictor } from '../nas/evaluation/predictor/predictor.ts';
import { parseRankedTable, rankingNames, readResult } from '../nas/evaluation/ranking-files.ts';
import type { Space, Subnet } from '../nas/space/space.ts';
import type { Ranking } from '../plan/results.ts';

/** What everything is measured against. */
export interface Truth {
  readonly subnets: readonly Subnet[];
  /** Top-1 in percent. */
  readonly accuracies: readonly number[];
  /** By seed, then by subnet; null where the file has no single runs. */
  readonly bySeed: readonly (readonly number[])[] | null;
}

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
  truth: Truth,
  classes: number,
): { figures: BaselineFigures; scores: Float64Array }[] {
  const resolution = space.resolutions.at(-1) ?? 0;
  const all: [string, Float64Array][] = Object.entries(baselines(space, truth.subnets, { classes, resolution }));
  return all
    .map(([name, scores]) => {
      const tau = bootstrapInterval(kendallTau, truth.accuracies, scores, { seed: SEED });
      return { figures: { name: wordsOf(name), tau }, scores };
    })
    .toSorted((a, b) => b.figures.tau.estimate - a.figures.tau.estimate);
}

/**
 * Rank agreement of a supernet's chosen epoch with the truth, and how far it passes the best baseline.
 * @param seed of its training: the interval of tau is then the one recorded with the epoch
 */
export function supernetFigures(truth: Truth, epoch: EpochRecord, best: Float64Array, seed: number): SupernetFigures {
  const { accuracies } = truth;
  const of = (statistic: typeof kendallTau): Interval =>
    bootstrapInterval(statistic, accuracies, epoch.groundTruth, { seed });
  return {
    tau: of(kendallTau),
    spearman: of(spearman),
    pearson: of(pearson),
    overBaseline: compareRankings(kendallTau, accuracies, epoch.groundTruth, best, { seed }),
  };
}

/** What a perfect ranking would reach against these labels; null where their noise is not known. */
export function ceilingOf({ bySeed }: Truth): Ceiling | null {
  if (bySeed === null || bySeed.length < 2) return null;
  const share = reliability(bySeed);
  return { reliability: share, ...noiseCeiling(share) };
}

/** A baseline's name as people say it: logMacs → log MACs. */
function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace('macs', 'MACs');
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

/** The predictor's part in a ranking; null where it is made of measured accuracies alone. */
export async function predictionOf(root: string, ranking: Ranking): Promise<Prediction | null> {
  const folder = path.posix.dirname(ranking.top1);
  const table = `${folder}/${rankingNames('final').table}`;
  // An account that an earlier merge left counts for nothing: the table says whether this one had a predictor.
  const [first] = parseRankedTable(await readResult(root, table), table);
  const account = first?.predicted == null ? null : await readPredictor(root, folder);
  if (account === null) return null;
  const { subnets, top1, baselines: withoutSupernet } = account;
  return {
    subnets,
    ...top1.leaveOut,
    baselines: Object.entries(withoutSupernet)
      .map(([name, { tau }]) => ({ name: wordsOf(name), tau }))
      .toSorted((a, b) => b.tau.estimate - a.tau.estimate),
  };
}
