import { BnStatistics } from './bn-statistics.ts';
import type { BlockNode, PrefixTree } from './prefix-tree.ts';
import { hasShortcut } from '../../space/network.ts';
import type { ResidualBlock } from '../../space/network.ts';

// What the subnets of a prefix tree share in a forward pass. The channels of a narrow convolution are a prefix of a wide one's,
// and BN works on each channel alone: siblings share the stem and conv1 at the widest, and those with the same mid the whole block.

/** The stem, at the widest that any subnet asks for. */
export interface Trunk {
  readonly width: number;
  readonly norm: BnStatistics;
  readonly branches: readonly Branch[];
}

/** Activations that are a prefix of some wider ones, and what is computed from them. */
export interface Branch {
  readonly width: number;
  /** Subnets whose last block made these activations, as positions in the tree's list. */
  readonly subnets: readonly number[];
  /** Whose classifier those subnets take. */
  readonly group: number;
  readonly families: readonly Family[];
}

/** The same block of siblings: one conv1, one shortcut. `mid` and `out` are the widest. */
export interface Family extends ResidualBlock {
  readonly norm: BnStatistics;
  /** The shortcut's convolution at the widest out; null where all have the identity. */
  readonly shortcut: { readonly out: number; readonly norm: BnStatistics } | null;
  readonly members: readonly Member[];
}

/** Siblings with the same mid: one conv2, one sum, at the widest out. */
export interface Member {
  readonly mid: number;
  readonly out: number;
  readonly norm: BnStatistics;
  readonly identity: boolean;
  readonly branches: readonly Branch[];
}

export function sharing(tree: PrefixTree): Trunk {
  return {
    width: Math.max(...tree.stems.map(({ out }) => out)),
    norm: new BnStatistics(),
    branches: tree.stems.map(({ out, children }) => ({
      width: out,
      subnets: [],
      group: 0,
      families: familiesOf(children),
    })),
  };
}

/** Calls `visit` with every statistic below. */
export function eachNorm(trunk: Trunk, visit: (norm: BnStatistics) => void): void {
  const below = (branches: readonly Branch[]): void => {
    for (const family of branches.flatMap(({ families }) => families)) {
      visit(family.norm);
      if (family.shortcut) visit(family.shortcut.norm);
      for (const member of family.members) {
        visit(member.norm);
        below(member.branches);
      }
    }
  };
  visit(trunk.norm);
  below(trunk.branches);
}

function familiesOf(nodes: readonly BlockNode[]): Family[] {
  return grouped(nodes, ({ stage, group }) => `${stage}/${group}`).map((siblings) => {
    const { stage, group, block, in: input, stride, reduction } = siblings[0]!;
    const convolved = siblings.filter(hasShortcut);
    return {
      stage,
      group,
      block,
      in: input,
      stride,
      reduction,
      mid: widest(siblings, 'mid'),
      out: widest(siblings, 'out'),
      norm: new BnStatistics(),
      shortcut: convolved.length > 0 ? { out: widest(convolved, 'out'), norm: new BnStatistics() } : null,
      members: grouped(siblings, (node) => `${node.mid}/${hasShortcut(node)}`).map((same) => ({
        mid: same[0]!.mid,
        out: widest(same, 'out'),
        norm: new BnStatistics(),
        identity: !hasShortcut(same[0]!),
        branches: same.map(({ out, subnets, children }) => ({
          width: out,
          subnets,
          group,
          families: familiesOf(children),
        })),
      })),
    };
  });
}

function widest(nodes: readonly BlockNode[], of: 'mid' | 'out'): number {
  return Math.max(...nodes.map((node) => node[of]));
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups.values()];
}
