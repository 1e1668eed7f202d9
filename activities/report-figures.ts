import type { EpochRecord } from '../artifacts/manifest.ts';
import { baselines } from '../nas/evaluation/baselines.ts';
import { bootstrapInterval, compareRankings } from '../nas/evaluation/bootstrap.ts';
import type { Comparison, Interval } from '../nas/evaluation/bootstrap.ts';
import { kendallTau, pearson, spearman } from '../nas/evaluation/metrics.ts';
import { noiseCeiling, reliability } from '../nas/evaluation/noise-ceiling.ts';
import type { Space, Subnet } from '../nas/space/space.ts';

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
export function wordsOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`).replace('macs', 'MACs');
}
