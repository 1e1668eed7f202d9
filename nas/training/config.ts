// What the training kinds take as `with`. Keys that the original has carry its names; pure zod, so the pipeline loader reads it too.
import { z } from 'zod';
import { GroupLrFactor, LrScheduler, Optimizer } from './sgd-config.ts';
import { ClassCount, DatasetConfig, PartName, partImages } from '../../configs/dataset-schema.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';
import { ArchCodeError, parseArchCode } from '../space/arch-code.ts';
import { mostGroups } from '../space/groups.ts';
import type { Space } from '../space/space.ts';
import { FileReference } from '../../artifacts/references.ts';
import { Calibration, Precision, TestedSupernet, Threads } from '../evaluation/config.ts';
import { ScoreName } from '../evaluation/epoch-scores.ts';

const positive = z.int().positive();
const fraction = z.number().min(0).max(1);
const nonnegative = z.number().nonnegative();

/** Images of a part, in batches. */
const Images = z.strictObject({
  part: PartName.meta({ description: 'Part of the data set that the images come from.' }),
  batch_size: positive.meta({ description: 'How many pass the network at once.', unit: 'images' }),
});

/** A supernet file that another stage chose: what `${{ stages.X.selected }}` gives. Or the path of one below the project's root. */
const SupernetReference = TestedSupernet.omit({ epoch: true });

/** What both kinds of training share. */
const shared = {
  space: SpaceConfig,
  dataset: DatasetConfig,
  n_classes: ClassCount,
  batch_size: positive.meta({ description: 'Images of a step, of each rank.', unit: 'images' }),
  ranks: positive
    .max(64)
    .default(1)
    .meta({ description: 'Processes that train together, each on a device of its own.', unit: 'processes' }),
  drop_last: z.boolean().meta({ description: 'Whether an incomplete last batch is left out.' }),
  epochs: positive.meta({ description: 'How often all training images are seen.', unit: 'epochs' }),
  warmup_epochs: nonnegative.meta({ description: 'In how many the learning rate rises to base_lr.', unit: 'epochs' }),
  label_smoothing: fraction.meta({
    description: 'Share of each label that is spread over all classes.',
    unit: 'share',
  }),
  dropout: fraction.max(0.99).meta({
    description: 'Share of the features before the classifier that is dropped; of a supernet only in the max net.',
    unit: 'share',
  }),
  grad_clip_value: z
    .number()
    .positive()
    .nullable()
    .meta({ description: 'Each gradient is cut to ± this; null: none is.', unit: '1' }),
  weight_decay_weight: nonnegative.meta({
    description: 'Weight decay of the weights of convolutions and of the classifier.',
    unit: '1',
  }),
  weight_decay_bn_bias: nonnegative.meta({
    description: 'Weight decay of batch normalisation and of biases.',
    unit: '1',
  }),
  optimizer: Optimizer.meta({ description: 'How gradients change the weights.' }),
  lr_scheduler: LrScheduler.meta({ description: 'How fast, step by step.' }),
  // Statistics that a supernet gathers while many subnets pass it fit none of them, so there are none: every subnet is calibrated.
  bn_momentum: z
    .literal(0, { error: 'expected 0: no running statistics are kept, every tested subnet is calibrated' })
    .meta({
      description: 'Of running BN statistics; 0, for none are kept: every tested subnet is calibrated.',
      unit: 'share',
    }),
  bn_eps: z
    .literal(1e-5, { error: 'expected 1e-5, the only value the network is built for' })
    .meta({ description: 'What is added to a variance before its root is taken.', unit: '1' }),
  calibration: Calibration,
  precision: Precision,
  threads: Threads,
  checkpoint_every_steps: positive.meta({
    description: 'How often a checkpoint is written: what a kill loses at most.',
    unit: 'steps',
  }),
};

/** `with` of `train-supernet`: one-shot (groups 1) and few-shot (groups 2..7) stages. */
export const TrainSupernetConfig = z
  .strictObject({
    ...shared,
    seed: z.int().meta({ description: 'Of weights, sampling, order and augmentation.', unit: '1' }),
    groups: positive.meta({ description: 'K, the copies of every stage; 1: one-shot.', unit: 'groups' }),
    inherit: SupernetReference.nullable().meta({
      description:
        'The supernet that the weights come from: `${{ stages.<id>.selected }}` or a file; null: they are drawn anew.',
    }),
    num_arch_training: z.int().min(2).meta({
      description: 'Nets of a step: the max net, random ones, and last the min net where sandwich_rule holds.',
      unit: 'nets',
    }),
    sandwich_rule: z.boolean().meta({ description: 'Whether the min net is always among them.' }),
    inplace_distill: z
      .boolean()
      .meta({ description: 'Whether all nets but the max net learn its logits, and not the labels.' }),
    sample_way: z.enum(['random', 'fair', 'large', 'small']).meta({
      description:
        'How nets are drawn. `fair`: each choice once in as many nets as there are widths; `large`, `small`: of sample_candidates random nets the one with the most or the fewest MACs.',
    }),
    sample_candidates: z
      .int()
      .min(2)
      .optional()
      .meta({ description: 'Among how many `large` and `small` choose.', unit: 'nets' }),
    // The original's file says 0.2, but no block of its network applies it: 0 is what it really trains with. BigNAS applies it.
    drop_connect: fraction.max(0.99).meta({
      description:
        'Share of the images for which the residual branch of the deepest block is dropped; less for those before it.',
      unit: 'share',
    }),
    drop_connect_only_last_two_stages: z
      .boolean()
      .meta({ description: 'Whether the stages before the last two are spared of that.' }),
    group_lr_factors: z
      .record(z.string().regex(/^[1-9]$/, 'expected a number of groups'), z.array(GroupLrFactor))
      .meta({ description: 'Groups that learn faster or slower, by K; a K that is not named learns at one rate.' }),
    // The original's code stops at 4, 4, 8, 4 and so forgets the fifth block of three stages.
    group_lr_blocks: z
      .array(positive)
      .nullable()
      .meta({ description: 'How many blocks of each stage group_lr_factors reach; null: all.', unit: 'blocks' }),
    rank_loss: z
      .strictObject({
        by: z
          .enum(['macs', 'parameters', 'depth'])
          .meta({ description: 'The size that says which of two nets ought to be better.' }),
        weight: z.number().positive().meta({ description: 'Of this loss beside the other.', unit: 'factor' }),
        rise_epochs: nonnegative.meta({ description: 'In how many the weight rises from nothing.', unit: 'epochs' }),
      })
      .optional()
      .meta({ description: 'Pushes nets that ought to be better, as a size says, to be so; without it nothing does.' }),
    score: ScoreName.optional().meta({
      description:
        'What subnets are ranked by after each epoch: the share of images that is right (where absent), or the mean log-likelihood of the labels.',
    }),
    sizes: z.boolean().optional().meta({
      description:
        'Whether log parameters, log MACs and depth count too: with weights fitted to the ground truth, without what is held out, and never on the tenth that is scored.',
    }),
    selection: Images.extend({
      last_epochs: positive.optional().meta({
        description:
          'How many of the last epochs are tested, and can be chosen; all where absent, or where there are no more.',
        unit: 'epochs',
      }),
    }).meta({ description: 'What tau is measured on after each epoch.' }),
    ground_truth: FileReference.meta({
      description:
        'Accuracies of subnets that were trained alone, `{"arch1": {"arch": …, "acc": …}, …}`: the path of a file of the project, or `${{ stages.<id>.table }}`.',
    }),
    keep: z
      .strictObject({
        min_tau: z.number().nullable().meta({
          description: 'Epochs with a tau above it are kept, and the best one always; null: all are.',
          unit: 'tau',
        }),
      })
      .meta({ description: 'Which epochs keep their files.' }),
  })
  .superRefine((config, context) => {
    const wrong = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: 'custom', path, message });
    checkImages(config, 'training', wrong);
    const { groups, inherit, space, group_lr_blocks: blocks, sample_way: way, sample_candidates: candidates } = config;
    const isChosen = way === 'large' || way === 'small';
    if (isChosen !== (candidates !== undefined)) {
      const expected = isChosen ? 'a number of nets to choose from' : 'none where nothing is chosen';
      wrong(['sample_candidates'], `expected ${expected} (sample_way is ${way}), got ${candidates ?? 'none'}`);
    }
    const { most, of } = mostGroups(space);
    if (groups > most) {
      wrong(['groups'], `expected 1..${most} (the space has that many ${of}), got ${groups}`);
    }
    // A file may also be gone on with; a stage that takes its own K from another is a slip.
    const isFile = inherit?.origin === 'project';
    if (inherit && (isFile ? inherit.groups > groups : inherit.groups >= groups)) {
      const expected = isFile ? `at most ${groups}` : `fewer than ${groups}`;
      const remedy = isFile ? 'raise groups' : "take an earlier stage's";
      wrong(['inherit'], `expected a supernet of ${expected} groups, got one of ${inherit.groups}; ${remedy}`);
    }
    if (blocks && blocks.length !== space.stages.length) {
      wrong(['group_lr_blocks'], `expected one number for each of ${space.stages.length} stages, got ${blocks.length}`);
    }
    for (const [K, factors] of Object.entries(config.group_lr_factors)) {
      factors.forEach(({ stage }, index) => {
        if (stage > space.stages.length) {
          wrong(['group_lr_factors', K, index, 'stage'], `expected a stage 1..${space.stages.length}, got ${stage}`);
        }
      });
    }
  });
export type TrainSupernetConfig = z.infer<typeof TrainSupernetConfig>;

/** How many epochs are tested: the last ones. */
export function testedEpochs({ epochs, selection }: Pick<TrainSupernetConfig, 'epochs' | 'selection'>): number {
  return Math.min(epochs, selection.last_epochs ?? epochs);
}

/** `with` of `train-standalone`: one subnet alone, once with each seed, on the ground-truth parts of the data set. */
export const TrainStandaloneConfig = z
  .strictObject({
    ...shared,
    arch: z
      .string()
      .regex(/^\d+$/, 'expected an arch code: digits only, in quotes')
      .meta({ description: "The subnet's arch code." }),
    seeds: z.array(z.int()).min(1).meta({ description: 'It is trained once with each.', unit: '1' }),
    test: Images.meta({ description: 'What its accuracy is measured on.' }),
  })
  .superRefine((config, context) => {
    checkImages(config, 'ground-truth-training', (path, message) =>
      context.addIssue({ code: 'custom', path, message }),
    );
    const message = wrongArch(config);
    if (message !== null) context.addIssue({ code: 'custom', path: ['arch'], message });
    if (new Set(config.seeds).size < config.seeds.length) {
      context.addIssue({
        code: 'custom',
        path: ['seeds'],
        message: 'expected different seeds; a seed twice gives one result twice',
      });
    }
  });
export type TrainStandaloneConfig = z.infer<typeof TrainStandaloneConfig>;

function wrongArch({ space, arch }: { readonly space: Space; readonly arch: string }): string | null {
  try {
    parseArchCode(space, arch);
    return null;
  } catch (error) {
    if (!(error instanceof ArchCodeError)) throw error;
    return `expected ${error.expected} at digit [${error.position}], got ${error.got}; correct the arch code`;
  }
}

/** Keys that the loop of either kind reads. */
export type SharedTrainingConfig = Pick<TrainSupernetConfig, keyof typeof shared>;

function checkImages(
  {
    space,
    dataset,
    n_classes: classes,
    batch_size: each,
    ranks,
    drop_last: dropLast,
    calibration,
  }: SharedTrainingConfig,
  training: PartName,
  wrong: (path: string[], message: string) => void,
): void {
  const native = space.resolutions.at(-1);
  if (classes !== dataset.classes) {
    wrong(['n_classes'], `expected ${dataset.classes}, as the data set ${dataset.name} has, got ${classes}`);
  }
  if (space.channels !== dataset.channels) {
    wrong(['space'], `expected images of ${dataset.channels} channels, as ${dataset.name} has, got ${space.channels}`);
  }
  if (native !== dataset.resolution) {
    wrong(['space'], `expected a largest resolution of ${dataset.resolution}, as ${dataset.name} has, got ${native}`);
  }
  const [images, batchSize] = [partImages(dataset, training), each * ranks];
  const product = ranks === 1 ? String(each) : `${ranks} ranks × ${each}`;
  if (dropLast && batchSize > images) {
    wrong(['batch_size'], `expected at most the ${images} images of ${training} (drop_last is on), got ${product}`);
  }
  const last = images % batchSize;
  if (!dropLast && last > 0 && last < ranks) {
    const message = `expected an image for each rank in the last batch, got ${last} images (${images} in batches of ${product}); turn drop_last on, or change batch_size`;
    wrong(['ranks'], message);
  }
  const wanted = calibration.batches * calibration.batch_size;
  if (wanted > partImages(dataset, calibration.part)) {
    wrong(
      ['calibration'],
      `expected at most the ${partImages(dataset, calibration.part)} images of ${calibration.part}, got ${wanted}; lower batches`,
    );
  }
}
