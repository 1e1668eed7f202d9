import { randomOf } from '../../nas/space/random.ts';
import type { Space, Subnet } from '../../nas/space/space.ts';
import { Supernet } from '../../nas/supernet/supernet.ts';
import type { SupernetOptions } from '../../nas/supernet/supernet.ts';

/** All that a space can have (7×7 stem of stride 2, pool, two stages) at a size that costs nothing. */
export const tinySpace: Space = {
  name: 'tiny',
  channels: 3,
  resolutions: [24, 32],
  stem: { kernel: 7, stride: 2, pool: true, base: 8 },
  stages: [
    { base: 8, stride: 1, depth: [1, 2] },
    { base: 12, stride: 2, depth: [1, 3] },
  ],
  ratios: [1, 0.75, 0.5],
  divisor: 1,
};

export const TINY_CLASSES = 5;

const block = (mid: number, out: number): { mid: number; out: number } => ({ mid, out });

export const tinySubnets: Readonly<Record<'max' | 'middle' | 'mixed', Subnet>> = {
  max: {
    stem: 8,
    stages: [
      [block(8, 8), block(8, 8)],
      [block(12, 12), block(12, 12), block(12, 12)],
    ],
  },
  middle: {
    stem: 6,
    stages: [
      [block(4, 6), block(8, 6)],
      [block(6, 9), block(12, 9)],
    ],
  },
  // Out channels that differ inside a stage need shortcuts in its middle.
  mixed: {
    stem: 6,
    stages: [
      [block(4, 4), block(8, 8)],
      [block(6, 9), block(12, 6)],
    ],
  },
};

/** A tiny supernet whose scales and shifts are random too, so that nothing hides behind ones and zeros. */
export function tinySupernet(groups = 1, options: Partial<SupernetOptions> = {}): Supernet {
  const net = Supernet.build({ space: tinySpace, classes: TINY_CLASSES, groups, seed: 3, ...options });
  for (const { kind, name, shape } of net.parameters) {
    if (kind !== 'norm' && kind !== 'bias') continue;
    const random = randomOf(5, name);
    const centre = kind === 'norm' ? 1 : 0;
    net.parameters.get(name).assign(Float32Array.from({ length: shape[0]! }, () => centre + 0.3 * random.normal()));
  }
  return net;
}

/** n images of normal noise, as values. */
export function noise(n: number, size: number, channels = 3): Float32Array {
  const random = randomOf(1, 'noise');
  return Float32Array.from({ length: n * size * size * channels }, () => random.normal());
}
