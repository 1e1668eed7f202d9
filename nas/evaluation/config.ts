import { z } from 'zod';
import { DatasetConfig, partImages, PartName } from '../../configs/dataset-schema.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';
import { FEWEST_OBSERVATIONS } from './predictor/predictor.ts';
import { FileReference, sha256 } from '../../artifacts/references.ts';

// What `evaluate-subnets` takes as `with`. Pure zod, so the pipeline loader reads it too.

const positive = z.int().positive();

/** A list of subnets, relative to the project's root, in either form of nas/space/subnet-list.ts. */
const SubnetFile = FileReference;

/** Subnets drawn from the space: `stratified` over size, or `random` as training draws them. */
const SubnetSample = z.strictObject({
  sample: z.strictObject({ count: positive, seed: z.int(), way: z.enum(['stratified', 'random']) }),
});

export const SubnetSource = z.union([SubnetFile, SubnetSample], {
  error: 'expected a file with a list of subnets, or sample: {count, seed, way}',
});
export type SubnetSource = z.infer<typeof SubnetSource>;

/** What `${{ stages.X.selected }}` gives, the file relative to the results root; or the path of one below the project's root. */
export const TestedSupernet = z.object({
  file: z.string().min(1),
  origin: z.literal('project').optional(),
  sha256,
  epoch: z.int().nonnegative(),
  groups: positive,
});

/** `with` of `evaluate-subnets`: one part of a set of subnets, tested on one supernet. */
export const EvaluateSubnetsConfig = z
  .strictObject({
    space: SpaceConfig,
    dataset: DatasetConfig,
    n_classes: positive,
    supernet: TestedSupernet,
    subnets: SubnetSource,
    /** How many of them are evaluated, chosen over depth and size; a predictor fitted on those ranks all. null: every one is. */
    budget: z.int().min(FEWEST_OBSERVATIONS).nullable(),
    /** Which part of how many, from 1. */
    part: positive,
    parts: positive,
    /** `tree`: along the prefix tree, balanced by cost; `original`: the list in its own order, in equal parts. */
    cut: z.enum(['tree', 'original']),
    /** 0: the images that epochs are selected by; 1: the test images. The original's words. */
    test_set: z.literal([0, 1]),
    /** BN statistics of every subnet: the mean over this many batches. The original calls the number post_bn_calibration_batch_num. */
    calibration: z.strictObject({ part: PartName, batches: positive, batch_size: positive }),
    batch_size: positive,
    /** Subnets whose results are recorded at once: what a killed part loses at most. */
    chunk: positive,
    precision: z.enum(['float32', 'bf16']),
    threads: positive,
  })
  .superRefine(
    ({ space, dataset, n_classes: classes, budget, calibration, part, parts, subnets, supernet }, context) => {
      const wrong = (key: string, message: string): void => context.addIssue({ code: 'custom', path: [key], message });
      if (part > parts) wrong('part', `expected a part 1..${parts}, got ${part}`);
      if ('sample' in subnets && subnets.sample.count < parts) {
        wrong('parts', `expected at most as many parts as subnets (${subnets.sample.count}), got ${parts}`);
      }
      if (budget !== null && budget < parts) {
        wrong('parts', `expected at most as many parts as subnets that are evaluated (${budget}), got ${parts}`);
      }
      if (supernet.groups > space.ratios.length) {
        wrong(
          'supernet',
          `expected 1..${space.ratios.length} groups (the space has that many widths), got ${supernet.groups}`,
        );
      }
      if (classes !== dataset.classes) {
        wrong('n_classes', `expected ${dataset.classes}, as the data set ${dataset.name} has, got ${classes}`);
      }
      if (space.channels !== dataset.channels || space.resolutions.at(-1) !== dataset.resolution) {
        wrong(
          'space',
          `expected images of ${dataset.resolution} pixels and ${dataset.channels} channels, as ${dataset.name} has, ` +
            `got ${space.resolutions.at(-1)} and ${space.channels}`,
        );
      }
      const wanted = calibration.batches * calibration.batch_size;
      const images = partImages(dataset, calibration.part);
      if (wanted > images) {
        wrong(
          'calibration',
          `expected at most the ${images} images of ${calibration.part}, got ${wanted}; lower batches`,
        );
      }
    },
  );
export type EvaluateSubnetsConfig = z.infer<typeof EvaluateSubnetsConfig>;
