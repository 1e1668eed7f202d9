// How a picture becomes a network's input. Pure zod: the command line reads it too.
import { z } from 'zod';
import type { DatasetConfig } from '../../configs/dataset-schema.ts';

const positive = z.int().positive();

/** What a data set does to the images that it tests with. */
export const PictureTransform = z.strictObject({
  channels: z.literal([1, 3]),
  /** Resized to a square of this many pixels a side, whatever the picture's shape. */
  resize: positive,
  /** Of which the middle is cut out, this many pixels a side. */
  crop: positive,
  /** Subtracted from and divided by, per channel, where white is 1. */
  mean: z.array(z.number()),
  std: z.array(z.number()),
});
export type PictureTransform = z.infer<typeof PictureTransform>;

export function pictureTransformOf(dataset: DatasetConfig): PictureTransform {
  const { channels, resolution, normalise } = dataset;
  const isList = dataset.kind === 'image-list';
  const { resize, crop } = isList ? dataset.transforms.evaluation : { resize: resolution, crop: resolution };
  return { channels, resize, crop, ...normalise };
}
