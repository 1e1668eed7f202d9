import { groupMaxima, stageGroups } from './groups.ts';
import { placedBlocks } from './space.ts';
import type { PlacedBlock, Space, Subnet } from './space.ts';

/** A block that all subnets below it share: the same weights, BN statistics and activations. */
export interface BlockNode extends PlacedBlock {
  /** Which of the K copies of the stage it belongs to. */
  readonly group: number;
  readonly children: BlockNode[];
  /** Subnets that end here, as positions in the list the tree was made of; ascending. */
  readonly subnets: number[];
}

export interface StemNode {
  readonly out: number;
  readonly children: BlockNode[];
}

/** Subnets of one supernet by their common beginnings. */
export interface PrefixTree {
  readonly space: Space;
  readonly size: number;
  readonly stems: readonly StemNode[];
}

/**
 * The prefix tree of subnets evaluated on a supernet with K groups (1 = one-shot).
 * Its order depends on the subnets alone, not on theirs: children ascend by stage, group, out, mid.
 */
export function prefixTree(space: Space, subnets: readonly Subnet[], groups = 1): PrefixTree {
  const maxima = groupMaxima(space, groups);
  const keys = subnets.map((subnet) => keyOf(subnet, stageGroups(maxima, subnet)));
  const order = Array.from(subnets.keys()).toSorted((a, b) => compare(keys[a]!, keys[b]!) || a - b);

  const stems: StemNode[] = [];
  let path: BlockNode[] = []; // the blocks of the subnet before
  let previous: readonly number[] = [];
  for (const index of order) {
    const subnet = subnets[index]!;
    const key = keys[index]!;
    const shared = commonLength(previous, key);
    if (shared === 0) stems.push({ out: subnet.stem, children: [] });
    path = path.slice(0, Math.max(0, shared - 1));
    for (const block of placedBlocks(space, subnet).slice(path.length)) {
      const group = groupOfKey(key[path.length + 1]!);
      const node: BlockNode = { ...block, group, children: [], subnets: [] };
      (path.at(-1) ?? stems.at(-1)!).children.push(node);
      path.push(node);
    }
    path.at(-1)!.subnets.push(index);
    previous = key;
  }
  return { space, size: subnets.length, stems };
}

/** Positions of the subnets in the order a depth-first walk meets them. */
export function walkOrder(tree: PrefixTree): number[] {
  const order: number[] = [];
  const visit = (node: BlockNode): void => {
    order.push(...node.subnets);
    node.children.forEach(visit);
  };
  for (const stem of tree.stems) stem.children.forEach(visit);
  return order;
}

// A block as one number that sorts by stage, group, out, mid. Bases end at 4096, groups at 9.
const WIDTHS = 4097;
const GROUPS = 10;

function keyOf(subnet: Subnet, groups: readonly number[]): number[] {
  const key = [subnet.stem];
  subnet.stages.forEach((blocks, stage) => {
    const place = stage * GROUPS + groups[stage]!;
    for (const { mid, out } of blocks) key.push((place * WIDTHS + out) * WIDTHS + mid);
  });
  return key;
}

function groupOfKey(key: number): number {
  return Math.floor(key / WIDTHS ** 2) % GROUPS;
}

function commonLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

/** Lexicographic; a prefix comes before what it begins. */
function compare(a: readonly number[], b: readonly number[]): number {
  const length = commonLength(a, b);
  return (a[length] ?? -1) - (b[length] ?? -1);
}
