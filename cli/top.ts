import path from 'node:path';
import pc from 'picocolors';
import { Option } from 'commander';
import type { Command } from 'commander';
import { stagesOfRun } from '../artifacts/catalogue.ts';
import { resultsRoot } from '../artifacts/paths.ts';
import { Failure } from './failure.ts';
import { jsonOption, output, positiveNumber, positiveWhole } from './options.ts';
import { columns } from './view/format.ts';
import { bestFirst, paretoFront, under } from '../nas/evaluation/pareto.ts';
import type { CostName } from '../nas/evaluation/pareto.ts';
import { mergedRankings, readFittedRanking, readRanking } from '../nas/evaluation/read-ranking.ts';
import type { MergedRanking, RankedSubnet, RankingOfRun } from '../nas/evaluation/read-ranking.ts';
import { gmacs } from '../report/format.ts';

interface TopOptions {
  readonly underGmacs?: number;
  readonly underParams?: number;
  readonly count: number;
  readonly pareto?: CostName;
  readonly smoothed?: true;
  readonly fitted?: true;
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
    .addOption(
      new Option('--fitted', 'by the accuracies to be expected of subnets trained alone: `fit` of a merge').conflicts(
        'smoothed',
      ),
    )
    .option('--ranking <folder>', 'which ranking, where the run has several: part of its path')
    .addOption(jsonOption())
    .action(top);
}

async function top(run: string, options: TopOptions): Promise<void> {
  const by = options.fitted ? 'fitted' : options.smoothed ? 'smoothed' : 'measured';
  const ranking = await rankingOfRun(run, options.ranking, by);
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

/**
 * The merged ranking of a run.
 * @param folder part of the ranking's path, needed where the run has several
 * @throws Failure where there is not exactly one such ranking
 */
export async function rankingOfRun(
  run: string,
  folder: string | undefined,
  by: 'measured' | 'smoothed' | 'fitted',
): Promise<RankingOfRun> {
  const ranking = chosenRanking(run, mergedRankings(await stagesOfRun(resultsRoot(), run)), folder);
  if (by === 'fitted') return await readFittedRanking(resultsRoot(), ranking);
  return await readRanking(resultsRoot(), ranking, by === 'smoothed');
}

const namesOf = (some: readonly MergedRanking[]): string => some.map(({ table }) => table.file).join(', ') || 'none';

function chosenRanking(run: string, rankings: readonly MergedRanking[], folder: string | undefined): MergedRanking {
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
  const meaning = {
    measured: 'measured; ± one standard error, and the best of many look better than they are',
    predicted: `predicted from ${counts.evaluated} that were evaluated; ± the error on subnets left out`,
    fitted: 'to be expected of each trained alone; ± the error on subnets left out',
  }[score];
  const shown = `${subnets.length} of ${counts.withinLimits} subnets within the limits, of ${counts.ranked} that are ranked`;
  return [...columns([head, ...rows]), '', `${shown}; accuracies ${meaning}`].join('\n');
}
