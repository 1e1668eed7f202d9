import { z } from 'zod';
import { DatasetConfig, PartName, PictureTransform } from '../../configs/dataset-schema.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';
import { sha256 } from '../../artifacts/references.ts';

// What the command line asks of the deployment process, on its standard input, and what that answers by IPC. Pure zod: both sides read it.

const count = z.int().nonnegative();
const positive = z.int().positive();
/** Absolute. */
const file = z.string().min(1);

/** TensorFlow's threads. */
const shared = { threads: positive };

/** BN statistics: the mean over so many batches of a part of a data set. */
export const Calibration = z.strictObject({ part: PartName, batches: positive, batch_size: positive });
export type Calibration = z.infer<typeof Calibration>;

/** What a network of its own says of itself, beside its tensors. */
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
      [channels, mean.length, std.length].every((size) => size === space.channels) && crop === space.resolutions.at(-1),
    'expected pictures of the channels and the size that the space has',
  )
  .refine(
    ({ classes, class_names: names }) => names === null || names.length === classes,
    'expected a name for every class',
  );
export type Description = z.infer<typeof Description>;

/** A subnet of a supernet, to be calibrated. */
const OfSupernet = z.strictObject({
  kind: z.literal('supernet'),
  file,
  sha256,
  groups: positive,
  space: SpaceConfig,
  dataset: DatasetConfig,
  calibration: Calibration,
  arch: z.string(),
  ...shared,
});
export type OfSupernet = z.infer<typeof OfSupernet>;

/** A network that was exported before. */
const OfFile = z.strictObject({ kind: z.literal('network'), file, ...shared });

export const formats = ['safetensors', 'onnx'] as const;

export const Request = z.strictObject({
  network: z.discriminatedUnion('kind', [OfSupernet, OfFile]),
  /** Files to write the network to. */
  write: z.array(z.strictObject({ format: z.enum(formats), file })),
  /** Pictures to classify. */
  pictures: z.array(file),
});
export type Request = z.infer<typeof Request>;

const Progress = z.strictObject({ type: z.literal('progress'), batches: count, of: count });

const Done = z.strictObject({
  type: z.literal('done'),
  network: Description,
  parameters: count,
  macs: count,
  written: z.array(z.strictObject({ format: z.enum(formats), file, sha256, bytes: count })),
  /** Of each picture, by class. */
  logits: z.array(z.array(z.number())),
});
export type Done = z.infer<typeof Done>;

const Failed = z.strictObject({ type: z.literal('failed'), isBadInput: z.boolean(), message: z.string() });

/** Everything the process says; `done` or `failed` is the last. */
export const Message = z.discriminatedUnion('type', [Progress, Done, Failed]);
export type Message = z.infer<typeof Message>;
