import { blockMacs, layerMacs, macs } from '../../nas/space/cost.ts';
import { groupMaxima, stageGroups } from '../../nas/space/groups.ts';
import { residualBlocks, stemLayer } from '../../nas/space/network.ts';
import type { Space, Subnet } from '../../nas/space/space.ts';

// The walk over subnets and its cut into parts, done slowly and plainly: what nas/evaluation/walk/prefix-tree.ts and subnet-set.ts must equal.

/** Every beginning of a subnet by name, with the MACs of its last unit. */
function beginnings(space: Space, subnet: Subnet, groups: number, resolution: number): [name: string, macs: number][] {
  const groupOf = stageGroups(groupMaxima(space, groups), subnet);
  let name = `${subnet.stem}`;
  const found: [string, number][] = [[name, layerMacs(stemLayer(space, subnet.stem), resolution)]];
  for (const block of residualBlocks(space, subnet)) {
    name += ` ${block.stage} ${groupOf[block.stage]} ${block.out} ${block.mid}`;
    found.push([name, blockMacs(block, resolution)]);
  }
  return found;
}

/** MACs of all subnets where every different beginning counts once. */
export function plainSharedMacs(space: Space, subnets: readonly Subnet[], groups: number, resolution: number): number {
  const all = new Map(subnets.flatMap((subnet) => beginnings(space, subnet, groups, resolution)));
  return [...all.values()].reduce((sum, value) => sum + value, 0);
}

/** Positions in the order of a walk: by the numbers that describe the subnets, one after the other. */
export function plainWalk(space: Space, subnets: readonly Subnet[], groups: number): number[] {
  const numbers = subnets.map((subnet) =>
    beginnings(space, subnet, groups, space.resolutions.at(-1)!).at(-1)![0].split(' ').map(Number),
  );
  return [...subnets.keys()].toSorted((a, b) => {
    const [x, y] = [numbers[a]!, numbers[b]!];
    const at = x.findIndex((value, index) => value !== y[index]);
    if (at >= 0) return x[at]! - (y[at] ?? -1);
    return x.length - y.length || a - b;
  });
}

/** Contiguous parts of the walk of which the dearest is as cheap as can be, found by trying every limit that matters. */
export function plainCut(space: Space, subnets: readonly Subnet[], groups: number, parts: number): number[][] {
  const resolution = space.resolutions.at(-1)!;
  const order = plainWalk(space, subnets, groups);
  const cost = (part: readonly number[]): number =>
    plainSharedMacs(
      space,
      part.map((at) => subnets[at]!),
      groups,
      resolution,
    );
  // Any limit is the cost of some run of neighbours.
  const runs = order.flatMap((_, from) => order.slice(from).map((__, to) => cost(order.slice(from, from + to + 1))));
  const dearestAlone = Math.max(...subnets.map((subnet) => macs(space, subnet, resolution)));
  const limits = [...new Set(runs)].filter((limit) => limit >= dearestAlone).toSorted((a, b) => a - b);
  for (const limit of limits) {
    const cut: number[][] = [];
    order.forEach((subnet, at) => {
      const own = cut.at(-1);
      const isForced = order.length - at <= parts - cut.length;
      if (!own || isForced || cost([...own, subnet]) > limit) cut.push([subnet]);
      else own.push(subnet);
    });
    if (cut.length <= parts) return cut;
  }
  throw new Error('no limit serves');
}
