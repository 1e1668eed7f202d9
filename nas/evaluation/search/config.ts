import { z } from 'zod';
import { Calibration, groupsProblem, Precision, TestedSupernet, Threads } from '../config.ts';
import { ClassCount, DatasetConfig } from '../../../configs/dataset-schema.ts';
import { SpaceConfig } from '../../../configs/space-schema.ts';
import { macs, parameterCount } from '../../space/cost.ts';
import { minArchitecture } from '../../space/sampling.ts';
import { subnetOf } from '../../space/space.ts';

// What `search-subnets` takes as `with`. Pure zod, so the pipeline loader reads it too.

const positive = z.int().positive();

/** The most that a subnet may cost; what is not named is not limited. MACs are those of one image at the native resolution. */
const Limits = z.strictObject({
  macs: z
    .number()
    .positive()
    .optional()
    .meta({ description: 'Multiply-accumulates of one image at the largest resolution.', unit: 'MACs' }),
  parameters: z
    .number()
    .positive()
    .optional()
    .meta({ description: 'Weights, with those of the classifier.', unit: 'parameters' }),
});
export type Limits = z.infer<typeof Limits>;

/** `with` of `search-subnets`: the best subnets of a whole space under limits, by the accuracies that a supernet gives them. */
export const SearchSubnetsConfig = z
  .strictObject({
    space: SpaceConfig,
    dataset: DatasetConfig,
    n_classes: ClassCount,
    supernet: TestedSupernet.meta({
      description: 'The one whose weights are tested: `${{ stages.<id>.selected }}`, or a file.',
    }),
    limits: Limits.meta({ description: 'The most that a subnet may cost; what is not named is not limited.' }),
    way: z.enum(['evolution', 'random']).meta({
      description:
        '`evolution`: each generation comes of the best before, chosen by a predictor; `random`: what evolution has to beat.',
    }),
    budget: positive.meta({ description: 'How many are evaluated in all.', unit: 'subnets' }),
    population: z.int().min(2).meta({
      description: 'Of a generation, which is recorded at once: what a killed search loses at most.',
      unit: 'subnets',
    }),
    seed: z.int().meta({ description: 'Of the search.', unit: '1' }),
    calibration: Calibration,
    batch_size: positive.meta({ description: 'Images that pass a subnet at once.', unit: 'images' }),
    precision: Precision,
    threads: Threads,
  })
  .superRefine(({ space, n_classes: classes, dataset, limits, budget, population, supernet }, context) => {
    const wrong = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    if (classes !== dataset.classes) {
      wrong(['n_classes'], `expected ${dataset.classes}, as the data set ${dataset.name} has, got ${classes}`);
    }
    if (population > budget) wrong(['population'], `expected at most the budget (${budget}), got ${population}`);
    const groups = groupsProblem(space, supernet);
    if (groups !== null) wrong(['supernet'], groups);
    const least = subnetOf(space, minArchitecture(space));
    const costs = {
      macs: macs(space, least, space.resolutions.at(-1)!, classes),
      parameters: parameterCount(space, least, classes),
    };
    for (const cost of ['macs', 'parameters'] as const) {
      const limit = limits[cost];
      if (limit !== undefined && limit < costs[cost]) {
        wrong(['limits', cost], `expected at least the ${costs[cost]} of the smallest subnet, got ${limit}`);
      }
    }
  });
export type SearchSubnetsConfig = z.infer<typeof SearchSubnetsConfig>;
