import path from 'node:path';
import type { Interval } from '../nas/evaluation/bootstrap.ts';
import { readPredictor } from '../nas/evaluation/predictor-file.ts';
import { parseRankedTable } from '../nas/evaluation/ranked-table.ts';
import { rankingNames, readResult } from '../nas/evaluation/ranking-files.ts';
import type { Ranking } from '../pipelines/outputs.ts';
import { wordsOf } from './report-figures.ts';

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
  const { subnets, top1, baselines } = account;
  return {
    subnets,
    ...top1.leaveOut,
    baselines: Object.entries(baselines)
      .map(([name, { tau }]) => ({ name: wordsOf(name), tau }))
      .toSorted((a, b) => b.tau.estimate - a.tau.estimate),
  };
}
