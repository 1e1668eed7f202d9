import type { Place } from '../space/network.ts';
import type { Random } from '../space/random.ts';
import type { Space } from '../space/space.ts';
import { cast } from './ops.ts';
import { dispose, tensor } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

// Masks that training multiplies activations by: 0 with a probability, 1 / (1 - probability) elsewhere.

/** Drops single features after pooling. */
export interface Dropout {
  readonly rate: number;
  readonly random: Random;
  /** Which samples of a larger batch these are: masks are drawn for all of it. All of it if absent. */
  readonly samples?: { readonly before: number; readonly all: number };
}

/** Drops whole branches of single samples, at a rate that rises with depth. */
export interface DropConnect extends Dropout {
  readonly onlyLastTwoStages: boolean;
}

/** For features [n, c]; null for a rate of 0. */
export function dropoutMask(shape: readonly number[], dropout: Dropout): Tensor | null {
  return dropout.rate > 0 ? bernoulli(shape, dropout) : null;
}

/**
 * [n, 1, 1, 1] for the branch x of a block, in x's precision: each sample 0 with the block's rate, which rises linearly
 * with the block's place among all of the space's blocks. Null where the rate is 0.
 */
export function dropConnectMask(
  { stages }: Space,
  { stage, block }: Place,
  x: Tensor,
  { rate: largest, onlyLastTwoStages, ...draw }: DropConnect,
): Tensor | null {
  const depths = stages.map(({ depth }) => depth[1]);
  const before = depths.slice(0, stage).reduce((sum, depth) => sum + depth, 0);
  const all = depths.reduce((sum, depth) => sum + depth, 0);
  const rate = largest * ((before + block) / all);
  if (rate === 0 || (onlyLastTwoStages && stage < depths.length - 2)) return null;
  const mask = bernoulli([x.shape[0]!, 1, 1, 1], { ...draw, rate });
  if (x.dtype === 'float32') return mask;
  const half = cast(mask, x.dtype);
  dispose(mask);
  return half;
}

function bernoulli(shape: readonly number[], { rate, random, samples }: Dropout): Tensor {
  const [n, ...rest] = shape;
  const each = rest.reduce((product, extent) => product * extent, 1);
  const { before, all } = samples ?? { before: 0, all: n! };
  const values = Float32Array.from({ length: all * each }, () => (random.uniform() < rate ? 0 : 1 / (1 - rate)));
  return tensor(values.slice(before * each, (before + n!) * each), shape);
}
