import { z } from 'zod';
import { FileReference, sha256 } from '../../../artifacts/references.ts';
import { ClassCount, DatasetConfig } from '../../../configs/dataset-schema.ts';
import { SpaceConfig } from '../../../configs/space-schema.ts';
import { Threads } from '../config.ts';

/** `with` of `zero-cost-scores`. */
export const ZeroCostConfig = z.strictObject({
  space: SpaceConfig,
  dataset: DatasetConfig,
  n_classes: ClassCount,
  ground_truth: FileReference.meta({ description: 'The subnets that are scored: those of a ground truth.' }),
  seeds: z
    .array(z.int().meta({ unit: '1' }))
    .min(1)
    .meta({
      description: 'Of the initial weights; scores are the means over them.',
      unit: '1',
    }),
  batch_size: z.int().min(2).meta({
    description: 'How many training images the scores are measured on, the first of their part.',
    unit: 'images',
  }),
  threads: Threads,
});
export type ZeroCostConfig = z.infer<typeof ZeroCostConfig>;

/** What the stage writes. */
export const zeroCostFile = 'zero-cost.json';

const Scores = z.array(z.number());

export const ZeroCostRecord = z.strictObject({
  version: z.literal(1),
  /** sha256 of the ground truth that was scored. */
  ground_truth: sha256,
  seeds: z.array(z.int()),
  images: z.int().positive(),
  /** Of its subnets, in its order: higher is said to be better. */
  scores: z.strictObject({ 'gradient norm': Scores, 'log SynFlow': Scores, NASWOT: Scores }),
});
export type ZeroCostRecord = z.infer<typeof ZeroCostRecord>;
