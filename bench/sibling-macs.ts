import { prefixTree } from '../nas/evaluation/prefix-tree.ts';
import type { BlockNode } from '../nas/evaluation/prefix-tree.ts';
import { blockParts, outputSize, stemMacs, stemOutput } from '../nas/space/cost.ts';
import type { Space, Subnet } from '../nas/space/space.ts';

/**
 * MACs of one image through all subnets where siblings of the prefix tree share too: the stem, conv1 and the shortcut are
 * computed once at their widest, since the channels of a narrower one are a prefix of the wider one's.
 */
export function siblingSharedMacs(
  space: Space,
  subnets: readonly Subnet[],
  groups: number,
  resolution: number,
): number {
  const { stems } = prefixTree(space, subnets, groups);
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
