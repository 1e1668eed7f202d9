import { BadInput } from '../../plan/endings.ts';
import { blockMacs, blockParts, outputSize, stemMacs, stemOutput } from './cost.ts';
import { groupMaxima, stageGroups } from './layout.ts';
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

interface StemNode {
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

/** MACs of one image through every block of the tree once, stems included and linear layers left out. */
export function sharedMacs(tree: PrefixTree, resolution: number): number {
  return walkCosts(tree, resolution).reduce((sum, { added }) => sum + added, 0);
}

/**
 * MACs where siblings share too: the stem, conv1 and the shortcut are computed once at their widest, since the
 * channels of a narrower one are a prefix of the wider one's.
 */
export function siblingSharedMacs(tree: PrefixTree, resolution: number): number {
  const { space, stems } = tree;
  const widestStem = Math.max(0, ...stems.map(({ out }) => out));
  const below = (nodes: readonly BlockNode[], size: number): number => {
    const widest = new Map<string, { conv1: number; shortcut: number }>();
    let total = 0;
    for (const node of nodes) {
      const { conv1, conv2, shortcut } = blockParts(node, size);
      const family = `${node.stage}/${node.group}`;
      const seen = widest.get(family) ?? { conv1: 0, shortcut: 0 };
      widest.set(family, { conv1: Math.max(seen.conv1, conv1), shortcut: Math.max(seen.shortcut, shortcut) });
      total += conv2 + below(node.children, outputSize(size, node.stride));
    }
    for (const { conv1, shortcut } of widest.values()) total += conv1 + shortcut;
    return total;
  };
  const size = stemOutput(space, resolution);
  return stemMacs(space, widestStem, resolution) + stems.reduce((sum, { children }) => sum + below(children, size), 0);
}

/**
 * Cuts the subnets of a tree into parts, contiguous in walk order, so that only the paths at the cuts are computed
 * twice and the dearest part is as cheap as contiguous parts can be. Deterministic; every subnet in exactly one part.
 * @returns positions of the subnets per part, in walk order
 * @throws BadInput unless 1 <= parts <= number of subnets
 */
export function cutTree(tree: PrefixTree, parts: number, resolution: number): number[][] {
  assertParts(parts, tree.size);
  const costs = walkCosts(tree, resolution);
  let low = costs.reduce((most, { alone }) => Math.max(most, alone), 0);
  let high = sharedMacs(tree, resolution);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (fill(costs, parts, middle).length <= parts) high = middle;
    else low = middle + 1;
  }
  return fill(costs, parts, high);
}

/** The original's cut: the list in its own order, in parts whose sizes differ by one at most. */
export function cutInOrder(size: number, parts: number): number[][] {
  assertParts(parts, size);
  return Array.from({ length: parts }, (_, part) => {
    const start = Math.floor((size * part) / parts);
    const end = Math.floor((size * (part + 1)) / parts);
    return Array.from({ length: end - start }, (__, index) => start + index);
  });
}

interface WalkCost {
  readonly subnet: number;
  /** MACs it adds to those of the subnets before it. */
  readonly added: number;
  /** MACs it takes alone. */
  readonly alone: number;
}

/** Subnets in walk order with what each costs. */
function walkCosts(tree: PrefixTree, resolution: number): WalkCost[] {
  const costs: WalkCost[] = [];
  let added = 0;
  const visit = (node: BlockNode, size: number, before: number): void => {
    const cost = blockMacs(node, size);
    const alone = before + cost;
    added += cost;
    for (const subnet of node.subnets) {
      costs.push({ subnet, added, alone });
      added = 0;
    }
    for (const child of node.children) visit(child, outputSize(size, node.stride), alone);
  };
  const enter = ({ out, children }: StemNode): void => {
    const cost = stemMacs(tree.space, out, resolution);
    added += cost;
    for (const child of children) visit(child, stemOutput(tree.space, resolution), cost);
  };
  tree.stems.forEach(enter);
  return costs;
}

/** Fills parts one after the other up to a limit, but leaves at least one subnet for each part still to come. */
function fill(costs: readonly WalkCost[], parts: number, limit: number): number[][] {
  const cut: number[][] = [];
  let load = Infinity;
  costs.forEach(({ subnet, added, alone }, position) => {
    const partsToCome = parts - cut.length;
    const isLastChance = costs.length - position <= partsToCome;
    if (load + added > limit || isLastChance) {
      cut.push([]);
      load = alone;
    } else {
      load += added;
    }
    cut.at(-1)!.push(subnet);
  });
  return cut;
}

function assertParts(parts: number, size: number): void {
  if (Number.isInteger(parts) && parts >= 1 && parts <= size) return;
  throw new BadInput(`parts: expected an integer 1..${size} (the number of subnets), got ${parts}`);
}
