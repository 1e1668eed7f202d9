import { BadInput } from '../../plan/endings.ts';
import type { Dataset } from '../data/dataset.ts';
import { testSubnets } from '../evaluation/evaluate.ts';
import type { TestImages, TestWatch } from '../evaluation/evaluate.ts';
import { cutSet } from '../evaluation/subnet-set.ts';
import type { Subnet } from '../space/space.ts';
import type { Ranks } from '../supernet/ranks.ts';
import type { Supernet } from '../supernet/supernet.ts';
import type { Score } from '../evaluation/score.ts';

/** Throws BadInput where a stage's processes are not as many as its config says: they would not train what it describes. */
export function expectRanks(config: { readonly ranks: number }, { size }: Ranks): void {
  if (config.ranks === size) return;
  throw new BadInput(`with.ranks: expected ${config.ranks} processes, got ${size}; let \`nas\` start them`);
}

const figures = ['top1', 'top5', 'images', 'crossEntropy'] as const satisfies readonly (keyof Score)[];

/** Tests subnets as `testSubnets` does, each rank its share of them; all ranks get the scores of all, in the order of `subnets`. */
export async function sharedTest(
  net: Supernet,
  subnets: readonly Subnet[],
  dataset: Dataset,
  images: TestImages,
  watch: TestWatch,
  ranks: Ranks,
): Promise<Score[] | 'stopped'> {
  if (ranks.size === 1) return await testSubnets(net, subnets, dataset, images, watch);
  const { space, groups } = net;
  const parts = Math.min(ranks.size, subnets.length);
  const shares = cutSet({ space, supernet: { groups }, cut: 'tree', parts }, subnets);
  const share = shares[ranks.rank] ?? [];
  const mine = share.map((position) => subnets[position]!);
  const own = mine.length === 0 ? [] : await testSubnets(net, mine, dataset, images, watch);

  // A row of every rank: whether it was stopped, then the figures of its subnets, each at its place.
  const row = Array.from({ length: 1 + figures.length * subnets.length }, () => 0);
  if (own === 'stopped') row[0] = 1;
  else
    share.forEach((position, at) =>
      row.splice(placeOf(position), figures.length, ...figures.map((of) => own[at]![of])),
    );
  const rows = ranks.gather(row);
  if (rows.some(([isStopped]) => isStopped === 1)) return 'stopped';
  const scores: Score[] = [];
  shares.forEach((some, rank) => {
    for (const position of some) {
      const [top1, top5, count, crossEntropy] = rows[rank]!.slice(placeOf(position), placeOf(position + 1));
      scores[position] = { top1: top1!, top5: top5!, images: count!, crossEntropy: crossEntropy! };
    }
  });
  return scores;
}

function placeOf(position: number): number {
  return 1 + figures.length * position;
}
