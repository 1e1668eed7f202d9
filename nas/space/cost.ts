import { parameterLayout } from './layout.ts';
import { hasShortcut, placedBlocks } from './space.ts';
import type { PlacedBlock, Space, Subnet } from './space.ts';

/**
 * Multiply-accumulates of one image through a subnet: convolutions, shortcuts and, where `classes` is given, the linear
 * layer (BN and ReLU fold away or cost next to nothing).
 * @param resolution height and width of the image in pixels
 */
export function macs(space: Space, subnet: Subnet, resolution: number, classes = 0): number {
  const blocks = placedBlocks(space, subnet);
  let size = stemOutput(space, resolution);
  let total = stemMacs(space, subnet.stem, resolution);
  for (const block of blocks) {
    total += blockMacs(block, size);
    size = outputSize(size, block.stride);
  }
  return total + classes * blocks.at(-1)!.out;
}

/** Weights, BN scales and shifts, and biases of a subnet standing alone. */
export function parameterCount(space: Space, subnet: Subnet, classes: number): number {
  const { kernel } = space.stem;
  const blocks = placedBlocks(space, subnet);
  const stem = kernel * kernel * space.channels * subnet.stem + 2 * subnet.stem;
  const inside = blocks.reduce((sum, block) => {
    const shortcut = hasShortcut(block) ? block.in * block.out + 2 * block.out : 0;
    return sum + 9 * block.in * block.mid + 2 * block.mid + 9 * block.mid * block.out + 2 * block.out + shortcut;
  }, 0);
  return stem + inside + classes * blocks.at(-1)!.out + classes;
}

/** Weights, BN scales and shifts, and biases of the supernet with K groups (K = 1: one-shot). */
export function supernetParameterCount(space: Space, groups: number, classes: number): number {
  return parameterLayout(space, groups, classes).reduce(
    (sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
}

/** MACs of the stem's convolution for an image of resolution². */
export function stemMacs(space: Space, width: number, resolution: number): number {
  const { kernel, stride } = space.stem;
  return kernel * kernel * space.channels * width * outputSize(resolution, stride) ** 2;
}

/** Height and width of the stem's output, after its pool if it has one. */
export function stemOutput(space: Space, resolution: number): number {
  const size = outputSize(resolution, space.stem.stride);
  return space.stem.pool ? outputSize(size, 2) : size;
}

/** MACs of a block for an input of size². */
export function blockMacs(block: PlacedBlock, size: number): number {
  const { conv1, conv2, shortcut } = blockParts(block, size);
  return conv1 + conv2 + shortcut;
}

/** MACs of a block's three convolutions for an input of size²; shortcut 0 where it is the identity. */
export function blockParts(block: PlacedBlock, size: number): { conv1: number; conv2: number; shortcut: number } {
  const pixels = outputSize(size, block.stride) ** 2;
  return {
    conv1: 9 * block.in * block.mid * pixels,
    conv2: 9 * block.mid * block.out * pixels,
    shortcut: hasShortcut(block) ? block.in * block.out * pixels : 0,
  };
}

/** Output size of a convolution or pool with an odd kernel k and padding k // 2. */
export function outputSize(size: number, stride: number): number {
  return Math.floor((size - 1) / stride) + 1;
}

// What a pass through a network takes beside arithmetic: how many convolutions, and how much memory. Estimates, for planning.

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
