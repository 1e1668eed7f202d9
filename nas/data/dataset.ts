import type { PartName } from '../../configs/dataset-schema.ts';

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
   * (draw.seed, draw.epoch, its position); without they are plain. Several reads may be under way at once; one that
   * `signal` ends leaves the rest of its target as it was. The memory is shared: other threads may fill it.
   * @returns which of `positions` are broken images and left out, as the data set's config allows a few of them
   * @throws BadInput for a broken image; FileFault where a file could not be read
   */
  read(
    positions: Int32Array,
    draw: Draw | null,
    target: Float32Array<SharedArrayBuffer>,
    signal?: AbortSignal,
  ): Promise<ReadonlySet<number>>;
}

/** What augmentation is a pure function of, together with an image's position. */
export interface Draw {
  readonly seed: number;
  readonly epoch: number;
}
