import type { MergedScores } from './merge.ts';
import { predictRanking } from './predicted-ranking.ts';
import { rankedTableText } from './ranked-table.ts';
import type { PredictedRow } from './ranked-table.ts';
import { jsonText, rankingNames, tableText } from './ranking-files.ts';
import type { Accuracies, RankingSet } from './ranking-files.ts';

interface File {
  /** Relative to the results root. */
  readonly file: string;
  readonly text: string;
}

export interface MergedFiles {
  readonly top1: File;
  readonly top5: File;
  readonly table: File;
  /** What a predictor adds. */
  readonly beside: readonly File[];
  /** How many are ranked. */
  readonly subnets: number;
}

/**
 * The files of a merged ranking. Where a budget left subnets out, the final files rank all by predicted accuracies. Where
 * it did not, they rank by the measured ones, and with `smooth` the predicted ones stand in files of their own.
 */
export async function filesOfRanking(
  folder: string,
  set: RankingSet,
  { top1, top5, table }: MergedScores,
  smooth: boolean,
): Promise<MergedFiles> {
  const names = rankingNames('final');
  const file = (name: string, text: string): File => ({ file: `${folder}/${name}`, text });
  const measured = { top1: file(names.top1, jsonText(top1)), top5: file(names.top5, jsonText(top5)) };
  const isWhole = table.length === Object.keys(set.subnets).length;
  if (isWhole && !smooth) {
    return { ...measured, table: file(names.table, tableText(table)), beside: [], subnets: table.length };
  }
  const { rows, record } = await predictRanking(set, table);
  const { top1: name1, top5: name5 } = isWhole ? rankingNames('final_smoothed') : names;
  const predicted = {
    top1: file(name1, jsonText(predictedAccuracies(rows, 'top1'))),
    top5: file(name5, jsonText(predictedAccuracies(rows, 'top5'))),
  };
  const account = file(names.predictor, `${JSON.stringify(record, null, 1)}\n`);
  return {
    ...(isWhole ? measured : predicted),
    table: file(names.table, rankedTableText(rows)),
    beside: isWhole ? [predicted.top1, predicted.top5, account] : [account],
    subnets: rows.length,
  };
}

function predictedAccuracies(rows: readonly PredictedRow[], of: 'top1' | 'top5'): Accuracies {
  return Object.fromEntries(rows.map(({ id, code, predicted }) => [id, { arch: code, acc: predicted[of] }]));
}
