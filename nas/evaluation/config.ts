import { z } from 'zod';
import { ClassCount, DatasetConfig, partImages, PartName } from '../../configs/dataset-schema.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';
import { mostGroups } from '../space/groups.ts';
import type { Space } from '../space/space.ts';
import { FEWEST_OBSERVATIONS } from './predictor/predictor.ts';
import { FileReference, sha256 } from '../../artifacts/references.ts';

// What `evaluate-subnets` takes as `with`. Pure zod, so the pipeline loader reads it too.

const positive = z.int().positive();

/** A list of subnets, relative to the project's root, in either form of nas/space/subnet-list.ts. */
const SubnetFile = FileReference;

/** Subnets drawn from the space. */
const SubnetSample = z.strictObject({
  sample: z
    .strictObject({
      count: positive.meta({ description: 'How many.', unit: 'subnets' }),
      seed: z.int().meta({ description: 'Of the draw.', unit: '1' }),
      way: z.enum(['stratified', 'random']).meta({ description: 'Evenly over size, or as training draws them.' }),
    })
    .meta({ description: 'Subnets drawn from the space, in place of a list.' }),
});

export const SubnetSource = z.union([SubnetFile, SubnetSample], {
  error: 'expected a file with a list of subnets, or sample: {count, seed, way}',
});
export type SubnetSource = z.infer<typeof SubnetSource>;

/** What `${{ stages.X.selected }}` gives, the file relative to the results root; or the path of one below the project's root. */
export const TestedSupernet = z.object({
  file: z
    .string()
    .min(1)
    .meta({ description: "Relative to the results root, or to the project's where `origin` says so." }),
  origin: z
    .literal('project')
    .optional()
    .meta({ description: 'Set where the file is one of the project, and no result of a stage.' }),
  sha256: sha256.meta({ description: 'Hash of the file.' }),
  epoch: z.int().nonnegative().meta({ description: 'Which epoch it is of, counted from 0.', unit: 'epoch' }),
  groups: positive.meta({ description: 'K of that supernet.', unit: 'groups' }),
});

/** What is wrong with the K of a supernet; null where the space can have as many groups. */
export function groupsProblem(space: Space, { groups }: { readonly groups: number }): string | null {
  const { most, of } = mostGroups(space);
  return groups > most ? `expected 1..${most} groups (the space has that many ${of}), got ${groups}` : null;
}

/** BN statistics of every tested subnet are the mean over these batches. The original calls their number post_bn_calibration_batch_num. */
export const Calibration = z
  .strictObject({
    part: PartName.meta({ description: 'Part of the data set that the images come from.' }),
    batches: positive.meta({ description: 'How many.', unit: 'batches' }),
    batch_size: positive.meta({ description: 'Images of each.', unit: 'images' }),
  })
  .meta({ description: 'What the BN statistics of every tested subnet are gathered on.' });

export const Precision = z
  .enum(['float32', 'bf16'])
  .meta({ description: 'Of convolutions and activations; weights are always float32.' });
export const Threads = positive.meta({
  description: 'Of TensorFlow, in each process; part of what decides the bits of a result.',
  unit: 'threads',
});

/** How images are saved: nas/evaluation/racing/race.ts. */
export const Racing = z
  .strictObject({
    pilots: z.int().min(FEWEST_OBSERVATIONS).meta({
      description:
        'Subnets of each part that are tested on all images whatever comes, chosen over depth and size: they tell how far the estimates of others may be off.',
      unit: 'subnets',
    }),
    share: z.number().gt(0).lt(1).meta({
      description: 'Share of the images that all subnets are tested on: the first, balanced over the classes.',
      unit: 'share',
    }),
    top: positive.meta({
      description: 'How many best of each part are tested on all images, with all that may be among them.',
      unit: 'subnets',
    }),
  })
  .meta({
    description: 'Spends images where the ranking is unsure; absent: every subnet is tested on all of them.',
  });
export type Racing = z.infer<typeof Racing>;

/** `with` of `evaluate-subnets`: one part of a set of subnets, tested on one supernet. */
export const EvaluateSubnetsConfig = z
  .strictObject({
    space: SpaceConfig,
    dataset: DatasetConfig,
    n_classes: ClassCount,
    supernet: TestedSupernet.meta({
      description: 'The one whose weights are tested: `${{ stages.<id>.selected }}`, or a file.',
    }),
    subnets: SubnetSource.meta({
      description: 'Which ones: the path of a file with a list of them, or how they are drawn.',
    }),
    budget: z.int().min(FEWEST_OBSERVATIONS).nullable().meta({
      description:
        'How many of them are evaluated, chosen over depth and size; a predictor fitted on those ranks all. Null: every one is.',
      unit: 'subnets',
    }),
    part: positive.meta({ description: 'Which part of the set, counted from 1.', unit: 'part' }),
    parts: positive.meta({ description: 'How many parts the set is cut into.', unit: 'parts' }),
    cut: z.enum(['tree', 'original']).meta({
      description:
        '`tree`: along common beginnings, balanced by cost; `original`: the list in its own order, in equal parts.',
    }),
    test_set: z.literal([0, 1]).meta({
      description: '0: the images that epochs are selected by; 1: the test images. The words of the original.',
      unit: '1',
    }),
    racing: Racing.optional(),
    calibration: Calibration,
    batch_size: positive.meta({ description: 'Images that pass a subnet at once.', unit: 'images' }),
    chunk: positive.meta({
      description: 'Subnets whose results are recorded at once: what a killed part loses at most.',
      unit: 'subnets',
    }),
    precision: Precision,
    threads: Threads,
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
      const groups = groupsProblem(space, supernet);
      if (groups !== null) wrong('supernet', groups);
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
