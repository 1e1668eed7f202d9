import { blockMacs, layerMacs } from '../../space/cost.ts';
import { groupMaxima, stageGroups } from '../../space/groups.ts';
import { residualBlocks, stemLayer } from '../../space/network.ts';
import type { ResidualBlock } from '../../space/network.ts';
import type { Space, Subnet } from '../../space/space.ts';

// Subnets by their common beginnings: two that begin with the same blocks share weights, BN statistics and activations there,
// so a walk over all of them computes each beginning once.

/** A block that all subnets below it share. */
export interface BlockNode extends ResidualBlock {
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
  readonly stems: readonly StemNode[];
}

/** The prefix tree of subnets evaluated on a supernet with K groups (1 = one-shot): its nodes are in the order of `walk`. */
export function prefixTree(space: Space, subnets: readonly Subnet[], groups: number): PrefixTree {
  const maxima = groupMaxima(space, groups);
  const stems: StemNode[] = [];
  let path: BlockNode[] = []; // the blocks of the subnet before
  for (const { subnet: position, shared } of walk(space, subnets, groups)) {
    const subnet = subnets[position]!;
    if (shared === 0) stems.push({ out: subnet.stem, children: [] });
    path = path.slice(0, Math.max(0, shared - 1));
    for (const block of residualBlocks(space, subnet, stageGroups(maxima, subnet)).slice(path.length)) {
      const node: BlockNode = { ...block, children: [], subnets: [] };
      (path.at(-1) ?? stems.at(-1)!).children.push(node);
      path.push(node);
    }
    path.at(-1)!.subnets.push(position);
  }
  return { stems };
}

/** A subnet of a walk, by its position in the list. */
interface Step {
  readonly subnet: number;
  /** How much of its beginning it shares with the subnet before: 0 is nothing, 1 the stem, 1 + n the stem and n blocks. */
  readonly shared: number;
}

/**
 * Subnets in the order of a depth-first walk over their prefix tree: by stem, then block by block by stage, group, out and
 * mid. It depends on the subnets alone and not on their order in the list, but for equal ones.
 */
export function walk(space: Space, subnets: readonly Subnet[], groups: number): Step[] {
  const maxima = groupMaxima(space, groups);
  const keys = subnets.map((subnet) => keyOf(subnet, stageGroups(maxima, subnet)));
  const order = Array.from(subnets.keys()).toSorted((a, b) => compare(keys[a]!, keys[b]!) || a - b);
  return order.map((subnet, at) => ({
    subnet,
    shared: at === 0 ? 0 : commonUnits(keys[order[at - 1]!]!, keys[subnet]!),
  }));
}

// A subnet as text that sorts as a walk goes: one character for the stem, three for a block. Comparing texts is many times
// faster than comparing lists of numbers, and a list of tens of thousands is sorted by every part of a ranking.
const CHARACTERS_A_BLOCK = 3;
const MOST_GROUPS = 10;

function keyOf({ stem, stages }: Subnet, groups: readonly number[]): string {
  const characters = [stem];
  stages.forEach((blocks, stage) => {
    const place = stage * MOST_GROUPS + groups[stage]!;
    for (const { mid, out } of blocks) characters.push(place, out, mid);
  });
  return String.fromCharCode(...characters);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function commonUnits(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length === 0 ? 0 : 1 + Math.floor((length - 1) / CHARACTERS_A_BLOCK);
}

/** What a subnet of a walk costs, in MACs of one image. */
export interface StepCost {
  readonly subnet: number;
  /** On top of the subnets before it. */
  readonly added: number;
  /** By itself. */
  readonly alone: number;
}

/** The subnets of a walk with what each costs, linear layers left out. */
export function walkCosts(space: Space, subnets: readonly Subnet[], groups: number, resolution: number): StepCost[] {
  // Of the subnet before, up to its stem and up to each of its blocks.
  const costs: number[] = [];
  return walk(space, subnets, groups).map(({ subnet: position, shared }) => {
    const subnet = subnets[position]!;
    const before = shared === 0 ? 0 : costs[shared - 1]!;
    if (shared === 0) costs[0] = layerMacs(stemLayer(space, subnet.stem), resolution);
    const blocks = residualBlocks(space, subnet);
    for (let at = Math.max(0, shared - 1); at < blocks.length; at++) {
      costs[at + 1] = costs[at]! + blockMacs(blocks[at]!, resolution);
    }
    const alone = costs[blocks.length]!;
    return { subnet: position, added: alone - before, alone };
  });
}

/** MACs of one image through every block of the prefix tree once, stems included and linear layers left out. */
export function sharedMacs(space: Space, subnets: readonly Subnet[], groups: number, resolution: number): number {
  return walkCosts(space, subnets, groups, resolution).reduce((sum, { added }) => sum + added, 0);
}
