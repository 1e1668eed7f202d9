/** What stages cost in multiply-accumulates, as good as it can be known before the run. */
import { partImages } from '../../configs/dataset-schema.ts';
import { parseArchCode } from '../../nas/space/arch-code.ts';
import { macs } from '../../nas/space/cost.ts';
import { prefixTree } from '../../nas/space/prefix-tree.ts';
import { randomOf } from '../../nas/space/random.ts';
import { maxArchitecture, minArchitecture, randomArchitecture, randomResolution } from '../../nas/space/sampling.ts';
import { subnetOf } from '../../nas/space/space.ts';
import type { Space } from '../../nas/space/space.ts';
import type { ListedSubnet } from '../../nas/space/subnet-list.ts';
import { sharedMacs } from '../../nas/space/tree-cost.ts';
import type { EvaluateSubnetsConfig } from '../../nas/evaluation/config.ts';
import { evaluatedPositions } from '../../nas/evaluation/predictor/budget.ts';
import { sampledSubnets } from '../../nas/evaluation/subnet-set.ts';
import type { TrainStandaloneConfig, TrainSupernetConfig } from '../../nas/training/config.ts';
import type { Cost } from '../plan.ts';

/** A backward pass costs two forward passes: one for the gradient of the images, one for that of the weights. */
const PASSES_OF_TRAINING = 3;
const GIGA = 1e9;
/** Enough random networks for a mean. */
const SAMPLED = 100;
/** A prefix tree of so many subnets takes about 0.1 s. */
const LARGEST_TREE = 5000;

/** Sandwich training, and the measurement of tau after every epoch. */
export function supernetTrainingCost(config: TrainSupernetConfig, groundTruth: readonly ListedSubnet[]): Cost {
  const { space, epochs, dataset, n_classes: classes } = config;
  const native = space.resolutions.at(-1) ?? 0;
  const max = macs(space, subnetOf(space, maxArchitecture(space)), native, classes);
  const min = macs(space, subnetOf(space, minArchitecture(space)), space.resolutions[0] ?? 0, classes);
  const random = config.num_arch_training - (config.sandwich_rule ? 2 : 1);
  const step = max + (config.sandwich_rule ? min : 0) + random * meanMacs(space, classes);
  const images = trainingImages(partImages(dataset, 'training'), config);
  const tested = measured(space, groundTruth, native, classes) + 2 * max;
  const testedImages =
    partImages(dataset, config.selection.part) + config.calibration.batches * config.calibration.batch_size;
  return {
    gmacs: (epochs * (images * step * PASSES_OF_TRAINING + testedImages * tested)) / GIGA,
    note: `${epochs} epochs × ${images} images × ${config.num_arch_training} nets × 3, and tau on ${groundTruth.length} subnets`,
  };
}

/** One subnet alone, with each seed. */
export function standaloneTrainingCost(config: TrainStandaloneConfig): Cost {
  const { space, epochs, dataset, seeds, arch, n_classes: classes } = config;
  const images = trainingImages(partImages(dataset, 'ground-truth-training'), config);
  const one = macs(space, subnetOf(space, parseArchCode(space, arch)), space.resolutions.at(-1) ?? 0, classes);
  return {
    gmacs: (seeds.length * epochs * images * one * PASSES_OF_TRAINING) / GIGA,
    note: `${seeds.length} seeds × ${epochs} epochs × ${images} images × ${(one / GIGA).toPrecision(2)} GMACs × 3`,
  };
}

/** One part of a set of subnets, walked as a prefix tree. */
export function evaluationCost(config: EvaluateSubnetsConfig, listed: readonly ListedSubnet[]): Cost {
  const { dataset, calibration, parts, test_set: testSet } = config;
  const images =
    partImages(dataset, testSet === 1 ? 'test' : 'selection') + calibration.batches * calibration.batch_size;
  const { alone, shared, count } = treeCost(config, listed);
  return {
    gmacs: (images * shared) / parts / GIGA,
    note: `${count} subnets / ${parts} × ${images} images${shared < alone ? `, ${(alone / shared).toFixed(2)} × fewer MACs by shared prefixes` : ''}`,
  };
}

function trainingImages(
  images: number,
  { drop_last: dropLast, batch_size: batchSize }: { drop_last: boolean; batch_size: number },
): number {
  return dropLast ? Math.floor(images / batchSize) * batchSize : images;
}

function measured(space: Space, subnets: readonly ListedSubnet[], resolution: number, classes: number): number {
  return subnets.reduce((sum, { subnet }) => sum + macs(space, subnet, resolution, classes), 0);
}

/** Mean over the networks and resolutions that training samples. */
function meanMacs(space: Space, classes: number): number {
  const random = randomOf(0, 'mean MACs');
  const one = (): number =>
    macs(space, subnetOf(space, randomArchitecture(space, random)), randomResolution(space, random), classes);
  return Array.from({ length: SAMPLED }, one).reduce((sum, value) => sum + value, 0) / SAMPLED;
}

interface TreeCost {
  /** MACs an image of all subnets, each from the first pixel. */
  readonly alone: number;
  /** The same with every common beginning computed once; as much as alone for sets too large for a quick answer. */
  readonly shared: number;
  readonly count: number;
}

// The cells of one evaluation share their set.
let latest: { readonly of: string; readonly cost: TreeCost } | null = null;

function treeCost(config: EvaluateSubnetsConfig, listed: readonly ListedSubnet[]): TreeCost {
  const { space, subnets: source, budget, supernet, n_classes: classes } = config;
  const of = JSON.stringify([space, source, budget, supernet.groups, classes]);
  if (latest?.of !== of) {
    const all = ('sample' in source ? sampledSubnets(space, source.sample) : listed).map(({ subnet }) => subnet);
    const subnets = evaluatedPositions(space, all, budget).map((position) => all[position]!);
    const native = space.resolutions.at(-1) ?? 0;
    const alone = subnets.reduce((sum, subnet) => sum + macs(space, subnet, native, classes), 0);
    const shared =
      subnets.length > LARGEST_TREE ? alone : sharedMacs(prefixTree(space, subnets, supernet.groups), native);
    latest = { of, cost: { alone, shared, count: subnets.length } };
  }
  return latest.cost;
}
