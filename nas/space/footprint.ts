// What a pass through a network takes beside arithmetic: how many convolutions, and how much memory. Estimates, for planning.
import { outputSize, stemOutput } from './cost.ts';
import { hasShortcut, placedBlocks } from './space.ts';
import type { Space, Subnet } from './space.ts';

/** Convolutions of a subnet, shortcuts and the stem among them. */
export function convolutions(space: Space, subnet: Subnet): number {
  return placedBlocks(space, subnet).reduce((sum, block) => sum + (hasShortcut(block) ? 3 : 2), 1);
}

/** Numbers per image that a forward pass keeps for the backward pass, and the size of the largest map among them. */
export function activations(space: Space, subnet: Subnet, resolution: number): { kept: number; largest: number } {
  const stem = outputSize(resolution, space.stem.stride) ** 2 * subnet.stem;
  let size = stemOutput(space, resolution);
  // Of each convolution its output and that normalised; the pooled stem.
  let kept = 2 * stem + (space.stem.pool ? size ** 2 * subnet.stem : 0);
  let largest = stem;
  for (const block of placedBlocks(space, subnet)) {
    size = outputSize(size, block.stride);
    const outputs = 2 * block.mid + 2 * block.out + (hasShortcut(block) ? 2 * block.out : 0);
    // Beside them the block's sum.
    kept += size ** 2 * (outputs + block.out);
    largest = Math.max(largest, size ** 2 * Math.max(block.mid, block.out));
  }
  return { kept, largest };
}
