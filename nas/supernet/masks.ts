import type { Random } from '../space/random.ts';
import type { Space } from '../space/space.ts';
import type { GroupedBlock } from './block.ts';
import { cast } from './ops.ts';
import { dispose, tensor } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

/** [n, c]: each 0 with probability rate, else 1 / (1 - rate). Null for a rate of 0. */
export function dropoutMask(
  shape: readonly number[],
  { rate, random }: { rate: number; random: Random },
): Tensor | null {
  return rate > 0 ? bernoulli(shape, rate, random) : null;
}

/**
 * [n, 1, 1, 1] for the branch of a block of x's precision: each sample 0 with the block's rate, which rises linearly
 * with the block's place among all of the space's blocks. Null where the rate is 0.
 */
export function dropConnectMask(
  space: Space,
  { stage, block }: GroupedBlock,
  x: Tensor,
  options: { rate: number; onlyLastTwoStages: boolean; random: Random },
): Tensor | null {
  const depths = space.stages.map(({ depth }) => depth[1]);
  const before = depths.slice(0, stage).reduce((sum, depth) => sum + depth, 0);
  const all = depths.reduce((sum, depth) => sum + depth, 0);
  const rate = options.rate * ((before + block) / all);
  if (rate === 0 || (options.onlyLastTwoStages && stage < depths.length - 2)) return null;
  const mask = bernoulli([x.shape[0]!, 1, 1, 1], rate, options.random);
  if (x.dtype === 'float32') return mask;
  const half = cast(mask, x.dtype);
  dispose(mask);
  return half;
}

function bernoulli(shape: readonly number[], rate: number, random: Random): Tensor {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const values = new Float32Array(size);
  for (let i = 0; i < size; i++) values[i] = random.uniform() < rate ? 0 : 1 / (1 - rate);
  return tensor(values, shape);
}
