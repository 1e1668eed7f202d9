import type { AverageRow } from './averages.ts';
import { figure, many } from './format.ts';
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
  readonly groundTruth: {
    readonly file: string;
    readonly sha256: string;
    /** Those that count here. */
    readonly subnets: number;
    /** Whether those are the ones that no epoch was chosen by. */
    readonly heldOut: boolean;
  };
  readonly ceiling: Ceiling | null;
  /** The best first. */
  readonly baselines: readonly BaselineFigures[];
  readonly supernets: readonly SupernetRow[];
  /** Rankings by the mean of several. */
  readonly averages: readonly AverageRow[];
  /** Files in the original's form; null where nothing is ranked. */
  readonly ranking: {
    readonly top1: string;
    readonly top5: string;
    /** By the accuracies to be expected of subnets trained alone; absent where none were fitted. */
    readonly fitted?: string;
    readonly subnets: number;
  } | null;
  /** A predictor's part in the ranking; null where it had none, absent from reports of version 0.1.0. */
  readonly prediction?: Prediction | null;
}

/** The report as Markdown. */
export function reportText({
  groundTruth,
  ceiling,
  baselines,
  supernets,
  averages,
  ranking,
  prediction,
}: Report): string {
  const hasBands = baselines.some(({ inside }) => inside !== null);
  const rows = [
    ...supernets.map(({ stage, groups, epoch, ...figures }) => ({ label: [stage, `${groups}`, `${epoch}`], figures })),
    ...averages.map((row) => ({ label: [averageName(row), '', ''], figures: row })),
  ];
  return [
    `Kendall's tau-b against ${subnetsOf(groundTruth)}, with 95 % bootstrap intervals.`,
    supernetTable(rows),
    ...(hasBands
      ? [
          'Inside bands of equal size, the mean over the bands:',
          supernetTable(rows.map(({ label, figures }) => ({ label, figures: figures.inside! }))),
        ]
      : []),
    'Without any training:',
    table(
      ['baseline', 'tau', ...(hasBands ? ['tau inside bands'] : []), 'regret'],
      baselines.map(({ name, tau, regret, inside }) => [
        name,
        figure(tau),
        ...(inside ? [figure(inside.tau)] : []),
        figure(regret),
      ]),
    ),
    `Regret: percent points of accuracy lost by taking the best tenth of a ranking instead of the true one.`,
    ...ceilingLines(ceiling),
    ...(ranking === null ? [] : [`Ranking of ${ranking.subnets} subnets: \`${ranking.top1}\`, \`${ranking.top5}\`.`]),
    ...(ranking?.fitted === undefined
      ? []
      : [`By the accuracies to be expected of each trained alone: \`${ranking.fitted}\`.`]),
    ...(prediction ? [predictionWords(prediction)] : []),
  ].join('\n\n');
}

/** Which subnets a report is about, in words. */
function subnetsOf({ subnets, heldOut, file }: Report['groundTruth']): string {
  return `the ${subnets} ${heldOut ? 'held-out ' : ''}subnets of \`${file}\``;
}

/** A mean in words: `three seeds (3 supernets, 2 epochs each, with sizes)`. */
export function averageName({ name, supernets, epochs, sizes }: AverageRow): string {
  const of = [many(supernets, 'supernet'), `${many(epochs, 'epoch')} each`, ...(sizes ? ['with sizes'] : [])];
  return `${name} (${of.join(', ')})`;
}

function supernetTable(
  rows: readonly { readonly label: readonly string[]; readonly figures: Omit<SupernetFigures, 'inside'> }[],
): string {
  return table(
    ['supernet', 'K', 'epoch', 'tau', 'Spearman', 'Pearson', 'regret', 'tau over the best baseline'],
    rows.map(({ label, figures: { tau, spearman, pearson, regret, overBaseline } }) => [
      ...label,
      ...[tau, spearman, pearson, regret, overBaseline].map(figure),
    ]),
  );
}

/** The highest tau that the noise of the labels allows, in sentences. */
export function ceilingLines(ceiling: Ceiling | null): string[] {
  if (ceiling === null) return ['The noise of these labels is not known, so neither is the highest tau they allow.'];
  const { inside } = ceiling;
  return [`Noise ceiling: ${ceilingWords(ceiling)}`, ...(inside ? [`Inside bands ${ceilingWords(inside)}`] : [])];
}

function ceilingWords({ reliability, kendallTau }: Pick<Ceiling, 'reliability' | 'kendallTau'>): string {
  return `the labels have a reliability of ${reliability.toFixed(3)}, so a perfect ranking reaches a tau of ${kendallTau.toFixed(3)} on average.`;
}

/** What a reader of the ranking must know of it, in sentences. */
export function predictionWords({
  subnets: { evaluated, predicted },
  folds,
  tau,
  rmse,
  baselines,
}: Prediction): string {
  const [best] = baselines;
  const what =
    predicted > 0
      ? `Its accuracies are predicted, all of them, by a regression fitted on the ${evaluated} subnets that were evaluated; ${predicted} were not.`
      : `All ${evaluated} were evaluated; beside the measured accuracies stand smoothed ones, by a regression fitted on those.`;
  const beside = best === undefined ? '' : `; ${best.name} alone: tau ${figure(best.tau)}`;
  return `${what} On subnets left out (${folds} folds) it has a tau of ${figure(tau)} and errs by ${figure(rmse)} percent points${beside}.`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
