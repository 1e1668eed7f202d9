import path from 'node:path';
import pc from 'picocolors';
import { Option } from 'commander';
import type { Command } from 'commander';
import { catalogue } from '../artifacts/catalogue.ts';
import { checkRunId, resultsRoot } from '../artifacts/paths.ts';
import { readResult } from '../artifacts/results.ts';
import { Failure } from './failure.ts';
import { jsonOption, output, positiveNumber, positiveWhole } from './options.ts';
import { columns, gmacs } from './view/format.ts';
import { bestFirst, paretoFront, under } from '../nas/evaluation/pareto.ts';
import type { Candidate, CostName } from '../nas/evaluation/pareto.ts';
import { parsePredictor } from '../nas/evaluation/predictor/predicted-ranking.ts';
import { isEvaluated, parseTable, rankingFiles } from '../nas/evaluation/ranking.ts';
import type { TableRow } from '../nas/evaluation/ranking.ts';
import type { FileReference } from '../artifacts/references.ts';

interface TopOptions {
  readonly underGmacs?: number;
  readonly underParams?: number;
  readonly count: number;
  readonly pareto?: CostName;
  readonly smoothed?: true;
  readonly ranking?: string;
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .argument('<run>', 'id of the run')
    .option('--under-gmacs <gmacs>', 'only subnets of at most so many GMACs an image', positiveNumber)
    .option('--under-params <millions>', 'only subnets of at most so many million parameters', positiveNumber)
    .option('--count <n>', 'how many of the best', positiveWhole, 10)
    .addOption(
      new Option('--pareto [cost]', 'instead: every subnet that no cheaper one equals')
        .choices(['macs', 'parameters'])
        .preset('macs'),
    )
    .option('--smoothed', 'by the predicted accuracies of a ranking merged with `smooth: true`')
    .option('--ranking <folder>', 'which ranking, where the run has several: part of its path')
    .addOption(jsonOption())
    .action(top);
}

async function top(run: string, options: TopOptions): Promise<void> {
  const ranking = await readRanking(run, options.ranking, options.smoothed === true);
  const limits = {
    macs: options.underGmacs === undefined ? undefined : options.underGmacs * 1e9,
    parameters: options.underParams === undefined ? undefined : options.underParams * 1e6,
  };
  const within = under(ranking.subnets, limits);
  const subnets =
    options.pareto === undefined ? bestFirst(within).slice(0, options.count) : paretoFront(within, options.pareto);
  const counts = {
    ranked: ranking.subnets.length,
    evaluated: ranking.subnets.filter(({ evaluated }) => evaluated).length,
    withinLimits: within.length,
  };
  const { table, score } = ranking;
  output(options.json, { run, table, score, ...counts, subnets }, () =>
    within.length > 0 ? topTable(subnets, score, counts) : nothingWithin(ranking.subnets),
  );
}

function nothingWithin(ranked: readonly RankedSubnet[]): string {
  const least = (cost: CostName): number => ranked.reduce((low, subnet) => Math.min(low, subnet[cost]), Infinity);
  const parameters = least('parameters').toLocaleString('en-US');
  return `none of ${ranked.length} subnets within the limits: the least are ${gmacs(least('macs'))} GMACs and ${parameters} parameters`;
}

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
  const { table, predictor } = chosenRanking(run, await rankingsOf(root, run), folder);
  const rows = parseTable(await readResult(root, table), table.file);
  if (!smoothed && rows.every(isEvaluated)) {
    return {
      table: table.file,
      score: 'measured',
      subnets: rows.map((row) => subnetOf(row, row.top1, row.standardError)),
    };
  }
  if (predictor === undefined) {
    throw new Failure(
      `run ${run}: expected predicted accuracies in ${table.file}, got none; merge with \`smooth: true\``,
      2,
    );
  }
  const { estimate } = parsePredictor(await readResult(root, predictor), predictor.file).top1.leaveOut.rmse;
  return {
    table: table.file,
    score: 'predicted',
    subnets: rows.map((row) => subnetOf(row, row.predicted?.top1 ?? NaN, estimate)),
  };
}

interface RankingOnDisk {
  readonly table: FileReference;
  readonly predictor: FileReference | undefined;
}

/** The rankings that a run has merged, as its manifests name their files; those of version 0.1.0 lie beside the supernet. */
async function rankingsOf(root: string, run: string): Promise<RankingOnDisk[]> {
  return (await catalogue(root, checkRunId(run))).flatMap(({ manifest }) => {
    const named = (name: string): FileReference | undefined =>
      manifest.files.find(({ file }) => path.posix.basename(file) === name);
    const table = manifest.state === 'done' ? named(rankingFiles.table) : undefined;
    return table === undefined ? [] : [{ table, predictor: named(rankingFiles.predictor) }];
  });
}

function chosenRanking(run: string, rankings: readonly RankingOnDisk[], folder: string | undefined): RankingOnDisk {
  const namesOf = (some: readonly RankingOnDisk[]): string => some.map(({ table }) => table.file).join(', ') || 'none';
  // `epoch3` is a part of `epoch3_all_test` too: a whole name goes first.
  const whole = rankings.filter(
    ({ table }) => folder !== undefined && path.posix.dirname(table.file).endsWith(`/${folder}`),
  );
  const found = whole.length > 0 ? whole : rankings.filter(({ table }) => table.file.includes(folder ?? ''));
  const [ranking, ...others] = found;
  if (ranking === undefined) {
    throw new Failure(
      `run ${run}: expected a merged ranking${folder ? ` in ${folder}` : ''}, got ${namesOf(rankings)}; see \`nas status ${run}\``,
      2,
    );
  }
  if (others.length === 0) return ranking;
  throw new Failure(`run ${run}: expected one ranking, got ${namesOf(found)}; choose with --ranking`, 2);
}

function subnetOf(row: TableRow, score: number, error: number): RankedSubnet {
  const { id, code, depth, parameters, macs } = row;
  return { id, code, depth, parameters, macs, score, error, evaluated: isEvaluated(row) };
}

interface Counts {
  readonly ranked: number;
  readonly evaluated: number;
  readonly withinLimits: number;
}

/** Subnets of a ranking in their order, each with how sure its accuracy is, what it costs and its code. */
export function topTable(subnets: readonly RankedSubnet[], score: RankingOfRun['score'], counts: Counts): string {
  const head = ['subnet', 'top-1 %', 'GMACs', 'parameters', 'depth', 'arch code'].map((title) => pc.dim(title));
  const rows = subnets.map((subnet) => [
    subnet.id,
    `${subnet.score.toFixed(2)} ± ${subnet.error.toFixed(2)}`,
    gmacs(subnet.macs),
    subnet.parameters.toLocaleString('en-US'),
    String(subnet.depth),
    subnet.code,
  ]);
  const meaning =
    score === 'measured'
      ? 'measured; ± one standard error, and the best of many look better than they are'
      : `predicted from ${counts.evaluated} that were evaluated; ± the error on subnets left out`;
  const shown = `${subnets.length} of ${counts.withinLimits} subnets within the limits, of ${counts.ranked} that are ranked`;
  return [...columns([head, ...rows]), '', `${shown}; accuracies ${meaning}`].join('\n');
}
