// What a network of its own says of itself, beside its tensors. Pure zod: the command line reads it too.
import { z } from 'zod';
import { PartName } from '../../configs/dataset-schema.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';
import { PictureTransform } from '../data/picture-transform.ts';

const positive = z.int().positive();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits');

/** BN statistics: the mean over so many batches of a part of a data set. */
export const Calibration = z.strictObject({ part: PartName, batches: positive, batch_size: positive });
export type Calibration = z.infer<typeof Calibration>;

export const Description = z
  .strictObject({
    version: z.literal(1),
    /** The subnet's arch code. */
    arch: z.string(),
    space: SpaceConfig,
    classes: positive,
    /** In the order of the logits; null where the data set has none. */
    class_names: z.array(z.string()).readonly().nullable(),
    /** Of batch normalisation. */
    epsilon: z.number().positive(),
    picture: PictureTransform,
    /** `sha256` is that of the part. */
    calibration: Calibration.extend({ dataset: z.string(), sha256 }),
    /** The file that it was cut from, and its K. */
    supernet: z.strictObject({ sha256, groups: positive }),
  })
  .refine(
    ({ space, picture: { channels, crop, mean, std } }) =>
      [channels, mean.length, std.length].every((count) => count === space.channels) &&
      crop === space.resolutions.at(-1),
    'expected pictures of the channels and the size that the space has',
  )
  .refine(
    ({ classes, class_names: names }) => names === null || names.length === classes,
    'expected a name for every class',
  );
export type Description = z.infer<typeof Description>;
