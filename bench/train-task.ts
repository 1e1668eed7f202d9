import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSpace } from '../configs/space-schema.ts';
import { macs } from '../nas/space/cost.ts';
import { randomOf } from '../nas/space/random.ts';
import type { Space } from '../nas/space/space.ts';
import { sandwich } from '../nas/training/sandwich.ts';
import type { SandwichNet } from '../nas/training/sandwich.ts';
import { root } from '../runtime/layout.ts';

/** One case: what both sides do, given to each as a file. */
export interface TrainTask {
  readonly space: Space;
  readonly threads: number;
  readonly batch: number;
  readonly classes: number;
  /** The nets of each iteration, in order: max, random ones, min. */
  readonly iterations: readonly (readonly SandwichNet[])[];
  readonly labels: readonly number[];
  /** Files with the images ([batch, side, side, channels] float32) and the weights (safetensors). */
  readonly images: string;
  readonly weights: string;
  readonly dropout: number;
  readonly rate: number;
}

export const LABEL_SMOOTHING = 0.1;
export const GRAD_CLIP_VALUE = 1;
export const WEIGHT_DECAY = 1e-5;

export function spaceNamed(name: string): Space {
  const file = join(root, 'configs', 'spaces', `${name}.yml`);
  return parseSpace(readFileSync(file, 'utf8'), file);
}

/** Iterations as the one-shot training of a space draws them. */
export function iterationsOf(space: Space, count: number): SandwichNet[][] {
  const config = { space, seed: 0, num_arch_training: 4, sandwich_rule: true, sample_way: 'random' } as const;
  return Array.from({ length: count }, (_, step) => sandwich(config, step));
}

export function randomImages(size: number): Float32Array {
  const random = randomOf(0, 'benchmark images');
  return Float32Array.from({ length: size }, () => random.normal());
}

/** Floating-point operations of an iteration, on average: twice the MACs forward, twice that backward. */
export function flopsOf({ space, iterations, batch }: TrainTask): number {
  const all = iterations.flat().reduce((sum, { subnet, resolution }) => sum + macs(space, subnet, resolution), 0);
  return (2 * 3 * batch * all) / iterations.length;
}

/** What a peer's network is built from, in the names that the Python scripts read. */
export function shapeForPython(space: Space) {
  return {
    channels: space.channels,
    stem_stride: space.stem.stride,
    stem_pool: space.stem.pool,
    strides: space.stages.map(({ stride }) => stride),
    depths: space.stages.map(({ depth }) => depth[1]),
  };
}

/** The task in the words of the Python side. */
export function forPython(task: TrainTask): object {
  const { space, iterations, ...rest } = task;
  return {
    ...rest,
    iterations: iterations.map((nets) => nets.map(({ subnet, resolution }) => ({ ...subnet, resolution }))),
    resolution: space.resolutions.at(-1),
    ...shapeForPython(space),
    label_smoothing: LABEL_SMOOTHING,
    grad_clip_value: GRAD_CLIP_VALUE,
    weight_decay: WEIGHT_DECAY,
  };
}
