import type { Interval } from '../nas/evaluation/agreement.ts';
import type { BaselineFigures, Ceiling, Prediction, SupernetFigures } from './figures.ts';

export interface SupernetRow extends SupernetFigures {
  /** Its folder below the run's. */
  readonly stage: string;
  readonly groups: number;
  readonly epoch: number;
  readonly file: string;
  readonly sha256: string;
}

/** `report.json`. */
export interface Report {
  readonly groundTruth: { readonly file: string; readonly sha256: string; readonly subnets: number };
  readonly ceiling: Ceiling | null;
  /** The best first. */
  readonly baselines: readonly BaselineFigures[];
  readonly supernets: readonly SupernetRow[];
  /** Files in the original's form; null where nothing is ranked. */
  readonly ranking: { readonly top1: string; readonly top5: string; readonly subnets: number } | null;
  /** A predictor's part in the ranking; null where it had none, absent from reports of version 0.1.0. */
  readonly prediction?: Prediction | null;
}

/** The report as Markdown. */
export function reportText({ groundTruth, ceiling, baselines, supernets, ranking, prediction }: Report): string {
  return [
    `Kendall's tau-b against the ${groundTruth.subnets} subnets of \`${groundTruth.file}\`, with 95 % bootstrap intervals.`,
    table(
      ['supernet', 'K', 'epoch', 'tau', 'Spearman', 'Pearson', 'tau over the best baseline'],
      supernets.map((row) => [
        row.stage,
        `${row.groups}`,
        `${row.epoch}`,
        shown(row.tau),
        shown(row.spearman),
        shown(row.pearson),
        shown(row.overBaseline),
      ]),
    ),
    'Without any training:',
    table(
      ['baseline', 'tau'],
      baselines.map(({ name, tau }) => [name, shown(tau)]),
    ),
    ceiling === null
      ? 'The noise of these labels is not known, so neither is the highest tau they allow.'
      : `Noise ceiling: the labels have a reliability of ${ceiling.reliability.toFixed(3)}, so a perfect ranking reaches a tau of ${ceiling.kendallTau.toFixed(3)} on average.`,
    ...(ranking === null ? [] : [`Ranking of ${ranking.subnets} subnets: \`${ranking.top1}\`, \`${ranking.top5}\`.`]),
    ...(prediction ? [predictionWords(prediction, shown)] : []),
  ].join('\n\n');
}

/** What a reader of the ranking must know of it, in sentences; `figure` writes a figure with its interval. */
export function predictionWords(
  { subnets: { evaluated, predicted }, folds, tau, rmse, baselines }: Prediction,
  figure: (interval: Interval) => string,
): string {
  const [best] = baselines;
  const what =
    predicted > 0
      ? `Its accuracies are predicted, all of them, by a regression fitted on the ${evaluated} subnets that were evaluated; ${predicted} were not.`
      : `All ${evaluated} were evaluated; beside the measured accuracies stand smoothed ones, by a regression fitted on those.`;
  const beside = best === undefined ? '' : `; ${best.name} alone: tau ${figure(best.tau)}`;
  return `${what} On subnets left out (${folds} folds) it has a tau of ${figure(tau)} and errs by ${figure(rmse)} percent points${beside}.`;
}

function shown({ estimate, low, high }: Interval): string {
  return Number.isNaN(estimate) ? 'undefined' : `${estimate.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
