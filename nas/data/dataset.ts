import type { DatasetConfig, PartName } from '../../configs/dataset-schema.ts';
import { openFashionMnist } from './fashion-mnist.ts';

export type { PartName };

/** Images with labels, cut into parts that share none. */
export interface Dataset {
  readonly name: string;
  readonly classes: number;
  readonly channels: number;
  /** Side of the square images, in pixels. */
  readonly resolution: number;
  /** Subtracted from and divided by, per channel, where white is 1. */
  readonly normalise: { readonly mean: readonly number[]; readonly std: readonly number[] };
  part(name: PartName): Part;
}

/** One part. Its images have positions 0..size-1, listed class by class in turns, so that any run of them is balanced. */
export interface Part {
  readonly name: PartName;
  readonly size: number;
  /** Hash of what the part is: the data set's bytes and which of its images, in which order. */
  readonly sha256: string;
  /** Class of the image at each position. */
  readonly labels: Uint16Array;
  /**
   * Writes the images at `positions` one after the other into `target`, float32, normalised,
   * [positions, resolution, resolution, channels]. With `draw` they are augmented, each a pure function of
   * (draw.seed, draw.epoch, its position); without they are plain. Several reads may be under way at once.
   */
  read(positions: Int32Array, draw: Draw | null, target: Float32Array): Promise<void>;
}

/** What augmentation is a pure function of, together with an image's position. */
export interface Draw {
  readonly seed: number;
  readonly epoch: number;
}

/** A data set that cannot be opened as configured. */
export class DatasetError extends Error {
  override readonly name = 'DatasetError';
}

/** Opens a data set. Throws DatasetError where its files are missing or not what they should be. */
export async function openDataset(config: DatasetConfig): Promise<Dataset> {
  if (config.kind === 'fashion-mnist') return await openFashionMnist(config);
  throw new DatasetError(
    `dataset ${config.name}: expected a kind that this version can read (fashion-mnist), got ${config.kind}; ` +
      'its config is checked and planned with, but image files are not loaded: run with a fashion-mnist data set',
  );
}
