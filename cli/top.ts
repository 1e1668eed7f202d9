import { Option } from 'commander';
import type { Command } from 'commander';
import { bestFirst, paretoFront, under } from '../nas/evaluation/pareto.ts';
import type { CostName } from '../nas/evaluation/pareto.ts';
import { positiveNumber, positiveWhole } from './arguments.ts';
import { jsonOption, output } from './output.ts';
import { readRanking } from './read-ranking.ts';
import type { RankedSubnet } from './read-ranking.ts';
import { gmacs } from './view/format.ts';
import { topTable } from './view/top-table.ts';

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
