/** What stages cost in multiply-accumulates, as good as it can be known before the run. */
import type { ListedSubnet } from '../../configs/subnet-list.ts';
import { parseArchCode } from '../../nas/space/arch-code.ts';
import { macs } from '../../nas/space/cost.ts';
import { randomOf } from '../../nas/space/random.ts';
import { maxArchitecture, minArchitecture, randomArchitecture } from '../../nas/space/sampling.ts';
import { subnetOf } from '../../nas/space/space.ts';
import type { Space } from '../../nas/space/space.ts';
import type { TrainStandaloneConfig, TrainSupernetConfig } from '../../nas/training/config.ts';
import type { Cost } from '../plan.ts';

/** A backward pass costs two forward passes: one for the gradient of the images, one for that of the weights. */
const PASSES_OF_TRAINING = 3;
const GIGA = 1e9;

/** Sandwich training, and the measurement of tau after every epoch. */
export function supernetTrainingCost(config: TrainSupernetConfig, groundTruth: readonly ListedSubnet[]): Cost {
  const { space, epochs, dataset, n_classes: classes } = config;
  const native = space.resolutions.at(-1) ?? 0;
  const max = macs(space, subnetOf(space, maxArchitecture(space)), native, classes);
  const min = macs(space, subnetOf(space, minArchitecture(space)), space.resolutions[0] ?? 0, classes);
  const random = config.num_arch_training - (config.sandwich_rule ? 2 : 1);
  const step = max + (config.sandwich_rule ? min : 0) + random * meanMacs(space, classes);
  const images = trainingImages(partSize(dataset.parts.training), config);
  const tested = measured(space, groundTruth, native, classes) + 2 * max;
  const testedImages =
    partSize(dataset.parts[config.selection.part]) + config.calibration.batches * config.calibration.batch_size;
  return {
    gmacs: (epochs * (images * step * PASSES_OF_TRAINING + testedImages * tested)) / GIGA,
    note: `${epochs} epochs × ${images} images × ${config.num_arch_training} nets × 3, and tau on ${groundTruth.length} subnets`,
  };
}

/** One subnet alone, with each seed. */
export function standaloneTrainingCost(config: TrainStandaloneConfig): Cost {
  const { space, epochs, dataset, seeds, arch, n_classes: classes } = config;
  const images = trainingImages(partSize(dataset.parts['ground-truth-training']), config);
  const one = macs(space, subnetOf(space, parseArchCode(space, arch)), space.resolutions.at(-1) ?? 0, classes);
  return {
    gmacs: (seeds.length * epochs * images * one * PASSES_OF_TRAINING) / GIGA,
    note: `${seeds.length} seeds × ${epochs} epochs × ${images} images × ${(one / GIGA).toPrecision(2)} GMACs × 3`,
  };
}

/** Images of a part, however its data set says it. */
export function partSize(part: number | { readonly images: number }): number {
  return typeof part === 'number' ? part : part.images;
}

function trainingImages(
  images: number,
  { drop_last: dropLast, batch_size: batchSize }: { drop_last: boolean; batch_size: number },
): number {
  return dropLast ? Math.floor(images / batchSize) * batchSize : images;
}

function measured(space: Space, subnets: readonly ListedSubnet[], resolution: number, classes: number): number {
  return subnets.reduce(
    (sum, { arch }) => sum + macs(space, subnetOf(space, parseArchCode(space, arch)), resolution, classes),
    0,
  );
}

/** Mean over the networks and resolutions that training samples, from 100 of them. */
function meanMacs(space: Space, classes: number): number {
  const random = randomOf(0, 'mean MACs');
  const one = (): number =>
    macs(space, subnetOf(space, randomArchitecture(space, random)), random.pick(space.resolutions), classes);
  return Array.from({ length: 100 }, one).reduce((sum, value) => sum + value, 0) / 100;
}
