import path from 'node:path';
import type { CataloguedStage } from '../../artifacts/catalogue.ts';
import { readResult } from '../../artifacts/results.ts';
import type { FileReference } from '../../artifacts/references.ts';
import { BadInput } from '../../plan/endings.ts';
import type { Candidate } from './pareto.ts';
import { parsePredictor } from './predictor/predicted-ranking.ts';
import { FitFigures } from './fitted-ranking.ts';
import { Accuracies, isEvaluated, parseTable, rankingFiles } from './ranking.ts';
import type { TableRow } from './ranking.ts';

// Rankings that runs have merged, as those read them who look or choose.

/** A subnet of a ranking: `score` is its top-1 in percent. */
export interface RankedSubnet extends Candidate {
  readonly evaluated: boolean;
  /** Of the score: one standard error of a measured one, the leave-out error of a predicted or a fitted one. */
  readonly error: number;
}

export interface RankingOfRun {
  /** The table it was read from, relative to the results root. */
  readonly table: string;
  readonly score: 'measured' | 'predicted' | 'fitted';
  readonly subnets: readonly RankedSubnet[];
}

/** Where a ranking lies. */
export interface MergedRanking {
  readonly table: FileReference;
  readonly predictor: FileReference | undefined;
  readonly fitted: FileReference | undefined;
  readonly fit: FileReference | undefined;
}

/** The rankings among the stages of a run, as their manifests name their files; those of version 0.1.0 lie beside the supernet. */
export function mergedRankings(stages: readonly CataloguedStage[]): MergedRanking[] {
  return stages.flatMap(({ manifest }) => {
    const named = (name: string): FileReference | undefined =>
      manifest.files.find(({ file }) => path.posix.basename(file) === name);
    const table = manifest.state === 'done' ? named(rankingFiles.table) : undefined;
    return table === undefined
      ? []
      : [
          {
            table,
            predictor: named(rankingFiles.predictor),
            fitted: named(rankingFiles.fittedTop1),
            fit: named(rankingFiles.fit),
          },
        ];
  });
}

/**
 * A ranking by measured accuracies, or by predicted ones where some subnets have no other.
 * @param smoothed whether predicted accuracies count though all were measured
 * @throws BadInput where predicted ones are wanted and there are none
 */
export async function readRanking(
  root: string,
  { table, predictor }: MergedRanking,
  smoothed = false,
): Promise<RankingOfRun> {
  const rows = parseTable(await readResult(root, table), table.file);
  if (!smoothed && rows.every(isEvaluated)) {
    return {
      table: table.file,
      score: 'measured',
      subnets: rows.map((row) => subnetOf(row, row.top1, row.standardError)),
    };
  }
  if (predictor === undefined) {
    throw new BadInput(`${table.file}: expected predicted accuracies, got none; merge with \`smooth: true\``);
  }
  const { estimate } = parsePredictor(await readResult(root, predictor), predictor.file).top1.leaveOut.rmse;
  return {
    table: table.file,
    score: 'predicted',
    subnets: rows.map((row) => subnetOf(row, row.predicted?.top1 ?? NaN, estimate)),
  };
}

/**
 * A ranking by the accuracies that are to be expected of subnets trained alone.
 * @throws BadInput where none were fitted
 */
export async function readFittedRanking(root: string, { table, fitted, fit }: MergedRanking): Promise<RankingOfRun> {
  if (fitted === undefined || fit === undefined) {
    throw new BadInput(`${table.file}: expected fitted accuracies, got none; merge with \`fit: …\``);
  }
  const rows = parseTable(await readResult(root, table), table.file);
  const accuracies = Accuracies.parse(JSON.parse(await readResult(root, fitted)));
  const { estimate } = FitFigures.parse(JSON.parse(await readResult(root, fit))).leaveOut.rmse;
  return {
    table: table.file,
    score: 'fitted',
    subnets: rows.map((row) => subnetOf(row, accuracies[row.id]!.acc, estimate)),
  };
}

function subnetOf(row: TableRow, score: number, error: number): RankedSubnet {
  const { id, code, depth, parameters, macs } = row;
  return { id, code, depth, parameters, macs, score, error, evaluated: isEvaluated(row) };
}
