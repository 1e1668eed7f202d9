import path from 'node:path';
import pc from 'picocolors';
import { Option } from 'commander';
import type { Command } from 'commander';
import { readdir, readFile } from 'node:fs/promises';
import { checkRunId, fileNames, placeOf, resultsRoot } from '../artifacts/paths.ts';
import { Failure } from './failure.ts';
import { jsonOption, output, positiveNumber, positiveWhole } from './options.ts';
import { columns, gmacs } from './view/format.ts';
import { bestFirst, paretoFront, under } from '../nas/evaluation/pareto.ts';
import type { Candidate, CostName } from '../nas/evaluation/pareto.ts';
import { readPredictor } from '../nas/evaluation/predictor/predictor.ts';
import { isEvaluated, parseRankedTable, rankingNames } from '../nas/evaluation/ranking-files.ts';
import type { RankedRow } from '../nas/evaluation/ranking-files.ts';

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
