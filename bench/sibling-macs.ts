import { prefixTree } from '../nas/evaluation/walk/prefix-tree.ts';
import type { BlockNode } from '../nas/evaluation/walk/prefix-tree.ts';
import { layerMacs } from '../nas/space/cost.ts';
import { blockLayers, hasShortcut, stemLayer } from '../nas/space/network.ts';
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
  const below = (nodes: readonly BlockNode[]): number => {
    const widest = new Map<string, { conv1: number; shortcut: number }>();
    let total = 0;
    for (const node of nodes) {
      const layers = blockLayers(node);
      const conv1 = layerMacs(layers.conv1, resolution);
      const shortcut = hasShortcut(node) ? layerMacs(layers.shortcut, resolution) : 0;
      const family = `${node.stage}/${node.group}`;
      const seen = widest.get(family) ?? { conv1: 0, shortcut: 0 };
      widest.set(family, { conv1: Math.max(seen.conv1, conv1), shortcut: Math.max(seen.shortcut, shortcut) });
      total += layerMacs(layers.conv2, resolution) + below(node.children);
    }
    for (const { conv1, shortcut } of widest.values()) total += conv1 + shortcut;
    return total;
  };
  const stem = layerMacs(stemLayer(space, widestStem), resolution);
  return stem + stems.reduce((sum, { children }) => sum + below(children), 0);
}
