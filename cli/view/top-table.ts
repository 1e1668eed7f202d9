import pc from 'picocolors';
import type { RankedSubnet, RankingOfRun } from '../read-ranking.ts';
import { columns } from './columns.ts';
import { gmacs } from './format.ts';

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
