// What the training kinds take as `with`. Keys that the original has carry its names; pure zod, so the pipeline loader reads it too.
import { z } from 'zod';
import { DatasetConfig, PartName, partImages } from '../../configs/dataset-schema.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';
import { ArchCodeError, parseArchCode } from '../space/arch-code.ts';
import type { Space } from '../space/space.ts';
import { FileReference, sha256 } from '../../artifacts/references.ts';

const positive = z.int().positive();
const fraction = z.number().min(0).max(1);
const nonnegative = z.number().nonnegative();

/** Images of a part, in batches. */
const Images = z.strictObject({ part: PartName, batch_size: positive });

/** A supernet file that another stage chose: what `${{ stages.X.selected }}` gives. Or the path of one below the project's root. */
const SupernetReference = z.object({
  /** Relative to the results root, or to the project's where `origin` says so. */
  file: z.string().min(1),
  origin: z.literal('project').optional(),
  sha256,
  groups: positive,
});

/** `0.25`, or the way people say it: `1/4`. */
const Factor = z.union([
  z.number().positive(),
  z
    .string()
    .regex(/^1\/[1-9]\d*$/, 'expected a positive number or a fraction such as 1/4')
    .transform((text) => 1 / Number(text.slice(2))),
]);

/** How much faster or slower one group of a stage learns. Stages count from 1, as in the method; `first` is the narrowest group. */
const GroupLrFactor = z.strictObject({ stage: positive, group: z.enum(['first', 'last']), factor: Factor });
export type GroupLrFactor = z.infer<typeof GroupLrFactor>;

const Optimizer = z.strictObject({ method: z.literal('sgd'), momentum: fraction, nesterov: z.boolean() });

const LrScheduler = z.strictObject({
  lr_way: z.literal('warmup_cosine_lr'),
  base_lr: z.number().positive(),
  /** The learning rate never falls below this share of base_lr once warm-up is over. */
  clamp_lr_percent: fraction,
  /** Share of the learning rate that warm-up begins with. */
  warmup_factor: fraction,
  /** Epochs in which the cosine falls to nothing, where it is to be slower than the stage is long. */
  cosine_epochs: z.number().positive().optional(),
});
export type LrScheduler = z.infer<typeof LrScheduler>;

/** What both kinds of training share. */
const shared = {
  space: SpaceConfig,
  dataset: DatasetConfig,
  n_classes: positive,
  /** Images a step, of each rank. */
  batch_size: positive,
  /** Processes that train together, each on a device of its own. */
  ranks: positive.max(64).default(1),
  drop_last: z.boolean(),
  epochs: positive,
  warmup_epochs: nonnegative,
  label_smoothing: fraction,
  dropout: fraction.max(0.99),
  /** Gradients are cut to ±this; null for no clipping. */
  grad_clip_value: z.number().positive().nullable(),
  weight_decay_weight: nonnegative,
  weight_decay_bn_bias: nonnegative,
  optimizer: Optimizer,
  lr_scheduler: LrScheduler,
  // Statistics that a supernet gathers while many subnets pass it fit none of them, so there are none: every subnet is calibrated.
  bn_momentum: z.literal(0, { error: 'expected 0: no running statistics are kept, every tested subnet is calibrated' }),
  bn_eps: z.literal(1e-5, { error: 'expected 1e-5, the only value the network is built for' }),
  /** BN statistics of every tested subnet: the mean over this many batches. The original calls the number post_bn_calibration_batch_num. */
  calibration: Images.extend({ batches: positive }),
  precision: z.enum(['float32', 'bf16']),
  threads: positive,
  checkpoint_every_steps: positive,
};

/** `with` of `train-supernet`: one-shot (groups 1) and few-shot (groups 2..7) stages. */
export const TrainSupernetConfig = z
  .strictObject({
    ...shared,
    seed: z.int(),
    /** K, the copies of every stage. */
    groups: positive,
    /** Where the weights come from; null: drawn anew. */
    inherit: SupernetReference.nullable(),
    /** Nets an iteration: the max net, random ones, and last the min net where sandwich_rule holds. */
    num_arch_training: z.int().min(2),
    sandwich_rule: z.boolean(),
    /** Whether all nets but the max net learn its logits, and not the labels. */
    inplace_distill: z.boolean(),
    /** `large` and `small`: of `sample_candidates` random nets the one with the most or the fewest MACs. */
    sample_way: z.enum(['random', 'fair', 'large', 'small']),
    sample_candidates: z.int().min(2).optional(),
    // The original's file says 0.2, but no block of its network applies it: 0 is what it really trains with. BigNAS applies it.
    drop_connect: fraction.max(0.99),
    drop_connect_only_last_two_stages: z.boolean(),
    /** By K; a K that is not named learns at one rate. */
    group_lr_factors: z.record(z.string().regex(/^[1-9]$/, 'expected a number of groups'), z.array(GroupLrFactor)),
    /**
     * How many blocks of each stage group_lr_factors reach; null: all. The original's code stops at 4, 4, 8, 4 and so
     * forgets the fifth block of three stages.
     */
    group_lr_blocks: z.array(positive).nullable(),
    /** Whether nets that ought to be better, as a size says, are pushed to be: the weight of the loss rises over so many epochs. */
    rank_loss: z
      .strictObject({
        by: z.enum(['macs', 'parameters', 'depth']),
        weight: z.number().positive(),
        rise_epochs: nonnegative,
      })
      .optional(),
    /** What subnets are ranked by after each epoch: the share of images that is right, or the mean log-likelihood of the labels. */
    score: z.enum(['top1', 'cross_entropy']).optional(),
    /** What tau is measured on after each epoch. */
    selection: Images,
    /** Accuracies of subnets that were trained alone: `{"arch1": {"arch": …, "acc": …}, …}`, relative to the project's root. */
    ground_truth: FileReference,
    /** Epochs with a tau above min_tau are kept, and the best one always; null: all are. */
    keep: z.strictObject({ min_tau: z.number().nullable() }),
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
    if (groups > space.ratios.length) {
      wrong(['groups'], `expected 1..${space.ratios.length} (the space has that many widths), got ${groups}`);
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

/** `with` of `train-standalone`: one subnet alone, once with each seed, on the ground-truth parts of the data set. */
export const TrainStandaloneConfig = z
  .strictObject({
    ...shared,
    /** The subnet's arch code. */
    arch: z.string().regex(/^\d+$/, 'expected an arch code: digits only, in quotes'),
    seeds: z.array(z.int()).min(1),
    test: Images,
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
