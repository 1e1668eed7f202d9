import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { checkRunId, fileNames, placeOf, resultsRoot } from '../artifacts/paths.ts';
import type { Candidate } from '../nas/evaluation/pareto.ts';
import { readPredictor } from '../nas/evaluation/predictor-file.ts';
import { isEvaluated, parseRankedTable } from '../nas/evaluation/ranked-table.ts';
import type { RankedRow } from '../nas/evaluation/ranked-table.ts';
import { rankingNames } from '../nas/evaluation/ranking-files.ts';
import { Failure } from './failure.ts';

/** A subnet of a ranking: `score` is its top-1 in percent. */
export interface RankedSubnet extends Candidate {
  readonly evaluated: boolean;
  /** Of the score: one standard error of a measured one, the leave-out error of a predicted one. */
  readonly error: number;
}

export interface RankingOfRun {
  /** The table it was read from, relative to the results root. */
  readonly table: string;
  readonly score: 'measured' | 'predicted';
  readonly subnets: readonly RankedSubnet[];
}

/**
 * The merged ranking of a run, by predicted accuracies where some subnets have no other.
 * @param folder part of the ranking's path, needed where the run has several
 * @param smoothed whether predicted accuracies count though all were measured
 * @throws Failure where there is not exactly one such ranking
 */
export async function readRanking(run: string, folder: string | undefined, smoothed: boolean): Promise<RankingOfRun> {
  const root = resultsRoot();
  const names = rankingNames('final');
  const entries = await readdir(path.join(root, checkRunId(run)), { recursive: true }).catch(() => []);
  const tables = entries
    .map((entry) => [run, ...entry.split(path.sep)])
    .filter((segments) => segments.at(-1) === names.table && !segments.includes(fileNames.setAside))
    .map((segments) => segments.join('/'));
  // `epoch3` is a part of `epoch3_all_test` too: a whole name goes first.
  const whole = tables.filter((name) => folder !== undefined && path.posix.dirname(name).endsWith(`/${folder}`));
  const [table, ...others] = whole.length > 0 ? whole : tables.filter((name) => name.includes(folder ?? ''));
  if (table === undefined) {
    const got = tables.length > 0 ? tables.join(', ') : 'none';
    throw new Failure(
      `run ${run}: expected a merged ranking${folder ? ` in ${folder}` : ''}, got ${got}; see \`nas status ${run}\``,
      2,
    );
  }
  if (others.length > 0) {
    throw new Failure(
      `run ${run}: expected one ranking, got ${[table, ...others].join(', ')}; choose with --ranking`,
      2,
    );
  }
  const rows = parseRankedTable(await readFile(placeOf(root, table), 'utf8'), table);
  if (!smoothed && rows.every(isEvaluated)) {
    return { table, score: 'measured', subnets: rows.map((row) => subnetOf(row, row.top1, row.standardError)) };
  }
  const predictor = await readPredictor(root, path.posix.dirname(table));
  if (predictor === null) {
    throw new Failure(
      `run ${run}: expected predicted accuracies in ${table}, got none; merge with \`smooth: true\``,
      2,
    );
  }
  const { estimate } = predictor.top1.leaveOut.rmse;
  return {
    table,
    score: 'predicted',
    subnets: rows.map((row) => subnetOf(row, row.predicted?.top1 ?? NaN, estimate)),
  };
}

function subnetOf(row: RankedRow, score: number, error: number): RankedSubnet {
  const { id, code, depth, parameters, macs } = row;
  return { id, code, depth, parameters, macs, score, error, evaluated: isEvaluated(row) };
}
