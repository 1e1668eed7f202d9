import { z } from 'zod';

// How gradients change the weights, as `with` of the training kinds says it: the optimizer, its rate step by step, and groups that
// learn faster or slower.

const positive = z.int().positive();
const fraction = z.number().min(0).max(1);

/** `0.25`, or the way people say it: `1/4`. */
const Factor = z.union([
  z.number().positive(),
  z
    .string()
    .regex(/^1\/[1-9]\d*$/, 'expected a positive number or a fraction such as 1/4')
    .transform((text) => 1 / Number(text.slice(2))),
]);

/** How much faster or slower one group of a stage learns. Stages count from 1, as in the method; `first` is the narrowest group. */
export const GroupLrFactor = z.strictObject({
  stage: positive.meta({ description: 'Stage of the network, counted from 1.', unit: 'stage' }),
  group: z
    .enum(['first', 'last'])
    .meta({ description: 'The narrowest (or shallowest) group of the stage, or the widest (or deepest).' }),
  factor: Factor.meta({ description: 'What the learning rate of the group is multiplied by.', unit: 'factor' }),
});
export type GroupLrFactor = z.infer<typeof GroupLrFactor>;

export const Optimizer = z.strictObject({
  method: z.literal('sgd').meta({ description: 'Stochastic gradient descent, the only one there is.' }),
  momentum: fraction.meta({ description: 'Share of the last update that is kept.', unit: 'share' }),
  nesterov: z.boolean().meta({ description: 'Whether the gradient is taken where the momentum leads.' }),
});

export const LrScheduler = z.strictObject({
  lr_way: z
    .literal('warmup_cosine_lr')
    .meta({ description: 'A linear warm-up, then half a cosine, step by step: the only one there is.' }),
  base_lr: z.number().positive().meta({ description: 'Learning rate at the end of warm-up.', unit: '1' }),
  clamp_lr_percent: fraction.meta({
    description: 'The learning rate never falls below this share of base_lr once warm-up is over.',
    unit: 'share',
  }),
  warmup_factor: fraction.meta({ description: 'Share of base_lr that warm-up begins with.', unit: 'share' }),
  cosine_epochs: z.number().positive().optional().meta({
    description: 'In how many the cosine falls to nothing, where it is to be slower than the stage is long.',
    unit: 'epochs',
  }),
});
