import { parameterLayout, parameterShapes } from './layout.ts';
import { blockLayers, convNormsOf, hasShortcut, layersOf, mapSize, networkOf, stemReduction } from './network.ts';
import type { Layer, ResidualBlock } from './network.ts';
import type { Space, Subnet } from './space.ts';

/**
 * Multiply-accumulates of one image through a subnet: convolutions, shortcuts and, where `classes` is given, the linear
 * layer (BN and ReLU fold away or cost next to nothing).
 * @param resolution height and width of the image in pixels
 */
export function macs(space: Space, subnet: Subnet, resolution: number, classes = 0): number {
  return sum(layersOf(networkOf(space, subnet, classes)).map((layer) => layerMacs(layer, resolution)));
}

/** MACs of a block's convolutions for an image of resolution². */
export function blockMacs(block: ResidualBlock, resolution: number): number {
  const { conv1, conv2, shortcut } = blockLayers(block);
  const branch = layerMacs(conv1, resolution) + layerMacs(conv2, resolution);
  return branch + (hasShortcut(block) ? layerMacs(shortcut, resolution) : 0);
}

/** MACs of a layer for an image of resolution². */
export function layerMacs(layer: Layer, resolution: number): number {
  if (layer.role === 'classifier') return layer.in * layer.out;
  return layer.kernel ** 2 * layer.in * layer.out * mapSize(resolution, layer) ** 2;
}

/** Weights, BN scales and shifts, and biases of a subnet standing alone. */
export function parameterCount(space: Space, subnet: Subnet, classes: number): number {
  return sum(layersOf(networkOf(space, subnet, classes)).map((layer) => elements(parameterShapes(layer))));
}

/** Weights, BN scales and shifts, and biases of the supernet with K groups (K = 1: one-shot). */
export function supernetParameterCount(space: Space, groups: number, classes: number): number {
  return elements(parameterLayout(space, groups, classes));
}

function elements(parameters: readonly { readonly shape: readonly number[] }[]): number {
  let total = 0;
  for (const { shape } of parameters) total += shape.reduce((product, size) => product * size, 1);
  return total;
}

// What a pass through a network takes beside arithmetic: how many convolutions, and how much memory. Estimates, for planning.

/** Convolutions of a subnet, shortcuts and the stem among them. */
export function convolutions(space: Space, subnet: Subnet): number {
  return convNormsOf(networkOf(space, subnet, 0)).length;
}

/** Numbers per image that a forward pass keeps for the backward pass, and the size of the largest map among them. */
export function activations(space: Space, subnet: Subnet, resolution: number): { kept: number; largest: number } {
  const network = networkOf(space, subnet, 0);
  const mapOf = ({ out, reduction }: { out: number; reduction: number }): number =>
    mapSize(resolution, { reduction }) ** 2 * out;
  const convolved = convNormsOf(network).map(mapOf);
  const pooled = network.pool ? mapOf({ out: subnet.stem, reduction: stemReduction(space) }) : 0;
  // Of each convolution its output and that normalised; the pooled stem; of each block the sum.
  const kept = 2 * sum(convolved) + pooled + sum(network.blocks.map(mapOf));
  return { kept, largest: Math.max(...convolved) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
