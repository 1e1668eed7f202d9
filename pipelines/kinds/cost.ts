import { partImages } from '../../configs/dataset-schema.ts';
import type { SearchSubnetsConfig } from '../../nas/evaluation/search/config.ts';
import type { EvaluateSubnetsConfig } from '../../nas/evaluation/config.ts';
import { evaluatedPositions } from '../../nas/evaluation/predictor/predictor.ts';
import type { ZeroCostConfig } from '../../nas/evaluation/zero-cost/config.ts';
import { sampledSubnets } from '../../nas/evaluation/subnet-set.ts';
import { walkCosts } from '../../nas/evaluation/walk/prefix-tree.ts';
import { parseArchCode } from '../../nas/space/arch-code.ts';
import { activations, convolutions, macs, parameterCount, supernetParameterCount } from '../../nas/space/cost.ts';
import { randomOf } from '../../nas/space/random.ts';
import { maxArchitecture, minArchitecture, randomArchitecture, randomResolution } from '../../nas/space/sampling.ts';
import { subnetOf } from '../../nas/space/space.ts';
import type { Space, Subnet } from '../../nas/space/space.ts';
import type { ListedSubnet } from '../../nas/space/subnet-list.ts';
import { testedEpochs } from '../../nas/training/config.ts';
import type { TrainStandaloneConfig, TrainSupernetConfig } from '../../nas/training/config.ts';
import type { Cost } from '../../plan/plan.ts';

/** What the estimates of training and of evaluation share. */

const GIGA = 1e9;
const FLOAT_BYTES = 4;
/** Counted: operations that belong to a convolution in a forward pass. */
const OPERATIONS_TESTED = 4;
/** Counted: how often a number among the activations is read or written in it. */
const ACCESSES_TESTED = 2;

/** Of a number among the activations. */
function bytesOf({ precision }: { precision: 'float32' | 'bf16' }): number {
  return precision === 'bf16' ? FLOAT_BYTES / 2 : FLOAT_BYTES;
}

/** Of all subnets together, each alone. */
function testedConvolutions(space: Space, subnets: readonly Subnet[]): number {
  return subnets.reduce((sum, subnet) => sum + convolutions(space, subnet), 0);
}

/** Numbers among the activations of an image of all subnets together, each alone. */
function testedMaps(space: Space, subnets: readonly Subnet[]): number {
  const side = space.resolutions.at(-1) ?? 0;
  return subnets.reduce((sum, subnet) => sum + activations(space, subnet, side).kept, 0);
}

/** What training costs in multiply-accumulates, operations, memory and disk, as good as it can be known before the run. */

/** A backward pass costs two forward passes: one for the gradient of the images, one for that of the weights. */
const PASSES_OF_TRAINING = 3;
/** Enough random networks for a mean. */
const SAMPLED = 100;
/** Counted: operations that belong to a convolution, forward, back and in the update. */
const OPERATIONS_TRAINED = 16;
/** Counted: how often a number among the activations is read or written in a pass, forward and back. */
const ACCESSES_TRAINED = 7;
/** A weight's value, its momentum and its gradient. */
const COPIES_TRAINED = 3;
/** Maps of the largest size that a backward pass holds beside what the forward pass kept. */
const MAPS_BACKWARD = 3;
/** Weights and momentum in each of the two checkpoints that stay. */
const CHECKPOINT_COPIES = 4;

/** Sandwich training, and the measurement of tau after every epoch that is tested. */
export function supernetTrainingCost(config: TrainSupernetConfig, groundTruth: readonly ListedSubnet[]): Cost {
  const { space, epochs, dataset, groups, batch_size: batchSize, n_classes: classes } = config;
  const native = space.resolutions.at(-1) ?? 0;
  const largest = subnetOf(space, maxArchitecture(space));
  const smallest = subnetOf(space, minArchitecture(space));
  const max = macs(space, largest, native, classes);
  const min = macs(space, smallest, space.resolutions[0] ?? 0, classes);
  const random = config.num_arch_training - (config.sandwich_rule ? 2 : 1);
  const drawn = meanOfDrawn(space, classes);
  const step = max + (config.sandwich_rule ? min : 0) + random * drawn.macs;
  const stepConvolutions =
    convolutions(space, largest) +
    (config.sandwich_rule ? convolutions(space, smallest) : 0) +
    random * drawn.convolutions;
  const stepMaps =
    activations(space, largest, native).kept +
    (config.sandwich_rule ? activations(space, smallest, space.resolutions[0] ?? 0).kept : 0) +
    random * drawn.maps;
  const images = trainingImages(partImages(dataset, 'training'), config);
  const subnets = groundTruth.map(({ subnet }) => subnet);
  const tests = testedEpochs(config);
  const tested = measured(space, subnets, native, classes) + 2 * max;
  const weights = supernetParameterCount(space, groups, classes) * FLOAT_BYTES;
  return {
    gmacs: (epochs * images * step * PASSES_OF_TRAINING + tests * testedImages(config) * tested) / GIGA,
    traffic:
      bytesOf(config) *
      (epochs * images * stepMaps * ACCESSES_TRAINED +
        tests * testedImages(config) * testedMaps(space, [...subnets, largest, smallest]) * ACCESSES_TESTED),
    operations:
      epochs * (images / batchSize) * stepConvolutions * OPERATIONS_TRAINED +
      tests * testedBatches(config) * testedConvolutions(space, [...subnets, largest, smallest]) * OPERATIONS_TESTED,
    memory: weights * COPIES_TRAINED + trainingMemory(config, space, largest),
    disk: weights * (tests + CHECKPOINT_COPIES),
    note: `${epochs} epochs × ${images} images × ${config.num_arch_training} nets × 3, and tau on ${groundTruth.length} subnets${tests < epochs ? ` after the last ${tests}` : ''}`,
  };
}

/** One subnet alone, with each seed. */
export function standaloneTrainingCost(config: TrainStandaloneConfig): Cost {
  const { space, epochs, dataset, seeds, arch, batch_size: batchSize, n_classes: classes } = config;
  const images = trainingImages(partImages(dataset, 'ground-truth-training'), config);
  const subnet = subnetOf(space, parseArchCode(space, arch));
  const one = macs(space, subnet, space.resolutions.at(-1) ?? 0, classes);
  const weights = parameterCount(space, subnet, classes) * FLOAT_BYTES;
  const passes = seeds.length * epochs * images;
  return {
    gmacs: (passes * one * PASSES_OF_TRAINING) / GIGA,
    traffic:
      passes * activations(space, subnet, space.resolutions.at(-1) ?? 0).kept * ACCESSES_TRAINED * bytesOf(config),
    operations: (passes / batchSize) * convolutions(space, subnet) * OPERATIONS_TRAINED,
    memory: weights * COPIES_TRAINED + trainingMemory(config, space, subnet),
    disk: weights * CHECKPOINT_COPIES,
    note: `${seeds.length} seeds × ${epochs} epochs × ${images} images × ${(one / GIGA).toPrecision(2)} GMACs × 3`,
  };
}

/** Bytes of the images and maps of a step's largest network. */
function trainingMemory(
  config: { batch_size: number; precision: 'float32' | 'bf16' },
  space: Space,
  subnet: Subnet,
): number {
  const side = space.resolutions.at(-1) ?? 0;
  const { kept, largest } = activations(space, subnet, side);
  return (
    config.batch_size * (side ** 2 * space.channels * FLOAT_BYTES + (kept + MAPS_BACKWARD * largest) * bytesOf(config))
  );
}

function testedImages({ dataset, selection, calibration }: TrainSupernetConfig): number {
  return partImages(dataset, selection.part) + calibration.batches * calibration.batch_size;
}

function testedBatches({ dataset, selection, calibration }: TrainSupernetConfig): number {
  return Math.ceil(partImages(dataset, selection.part) / selection.batch_size) + calibration.batches;
}

function trainingImages(
  images: number,
  { drop_last: dropLast, batch_size: each, ranks }: { drop_last: boolean; batch_size: number; ranks: number },
): number {
  const batch = each * ranks;
  return dropLast ? Math.floor(images / batch) * batch : images;
}

function measured(space: Space, subnets: readonly Subnet[], resolution: number, classes: number): number {
  return subnets.reduce((sum, subnet) => sum + macs(space, subnet, resolution, classes), 0);
}

/** Means over the networks and resolutions that training samples. */
function meanOfDrawn(space: Space, classes: number): { macs: number; maps: number; convolutions: number } {
  const random = randomOf(0, 'mean MACs');
  const total = { macs: 0, maps: 0, convolutions: 0 };
  for (let drawn = 0; drawn < SAMPLED; drawn++) {
    const subnet = subnetOf(space, randomArchitecture(space, random));
    const resolution = randomResolution(space, random);
    total.macs += macs(space, subnet, resolution, classes) / SAMPLED;
    total.maps += activations(space, subnet, resolution).kept / SAMPLED;
    total.convolutions += convolutions(space, subnet) / SAMPLED;
  }
  return total;
}

/** What an evaluation costs in multiply-accumulates, operations, memory and disk, as good as it can be known before the run. */

/** Of a subnet in the files of a part. */
const RESULT_BYTES = 300;

/** One part of a set of subnets, walked as a prefix tree. */
export function evaluationCost(config: EvaluateSubnetsConfig, listed: readonly ListedSubnet[]): Cost {
  const { space, dataset, calibration, parts, supernet, test_set: testSet, n_classes: classes } = config;
  const tested = partImages(dataset, testSet === 1 ? 'test' : 'selection');
  const { alone, shared, count, convolutions: convolutionsTested, maps } = treeCost(config, listed);
  const { times, share } = testsOf(config, count / parts);
  const images = share * tested + times * calibration.batches * calibration.batch_size;
  const batches = Math.ceil((share * tested) / config.batch_size) + times * calibration.batches;
  const rest = shared / alone / parts;
  const largest = subnetOf(space, maxArchitecture(space));
  const path = activations(space, largest, space.resolutions.at(-1) ?? 0).kept;
  return {
    gmacs: (images * shared) / parts / GIGA,
    traffic: images * maps * ACCESSES_TESTED * bytesOf(config) * rest,
    operations: batches * convolutionsTested * OPERATIONS_TESTED * rest,
    // On the way down a branch each block's output waits for the siblings.
    memory:
      supernetParameterCount(space, supernet.groups, classes) * FLOAT_BYTES +
      (Math.max(config.batch_size, calibration.batch_size) * path * bytesOf(config)) / 2,
    disk: (count / parts) * RESULT_BYTES,
    note: `${count} subnets / ${parts} × ${Math.round(images)} images${shared < alone ? `, ${(alone / shared).toFixed(2)} × fewer MACs by shared prefixes` : ''}`,
  };
}

/**
 * How many times a subnet of a part is tested, and on which share of the images in all: means over the part. Of a race, as if
 * no more were in its last heat than are looked for.
 */
function testsOf(
  { racing }: Pick<EvaluateSubnetsConfig, 'racing'>,
  subnets: number,
): { readonly times: number; readonly share: number } {
  if (racing === undefined || racing.pilots >= subnets) return { times: 1, share: 1 };
  const { pilots, share, top } = racing;
  const last = Math.min(top, subnets - pilots);
  return { times: 1 + (pilots + last) / subnets, share: share + (pilots + (1 - share) * last) / subnets };
}

/** A search, as if its subnets were random ones: how they share beginnings is not known before. */
export function searchCost(config: SearchSubnetsConfig): Cost {
  const { budget, seed } = config;
  const sample = { count: budget, seed, way: 'random' } as const;
  const whole = { parts: 1, part: 1, cut: 'tree', test_set: 0, chunk: config.population, budget: null } as const;
  return evaluationCost({ ...config, ...whole, subnets: { sample } }, []);
}

/** Passes over the images forward, and forward and back; two over a single one. */
export function zeroCostCost(config: ZeroCostConfig, groundTruth: readonly ListedSubnet[]): Cost {
  const { space, n_classes: classes, seeds, batch_size: batchSize } = config;
  const subnets = groundTruth.map(({ subnet }) => subnet);
  const passes = seeds.length * ((1 + PASSES_OF_TRAINING) * batchSize + 2);
  const largest = subnetOf(space, maxArchitecture(space));
  return {
    gmacs: (passes * measured(space, subnets, space.resolutions.at(-1) ?? 0, classes)) / GIGA,
    traffic: passes * testedMaps(space, subnets) * ACCESSES_TRAINED * FLOAT_BYTES,
    operations: seeds.length * testedConvolutions(space, subnets) * OPERATIONS_TRAINED,
    memory:
      supernetParameterCount(space, 1, classes) * FLOAT_BYTES * (seeds.length + 1) +
      trainingMemory({ batch_size: batchSize, precision: 'float32' }, space, largest),
    disk: subnets.length * RESULT_BYTES,
    note: `${subnets.length} subnets × ${seeds.length} seeds × ${batchSize} images × 4`,
  };
}

interface TreeCost {
  /** MACs an image of all subnets, each from the first pixel. */
  readonly alone: number;
  /** The same with every common beginning computed once. */
  readonly shared: number;
  readonly count: number;
  /** Of all subnets, each alone: convolutions, and numbers among the activations of an image. */
  readonly convolutions: number;
  readonly maps: number;
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
    const costs = walkCosts(space, subnets, supernet.groups, native);
    latest = {
      of,
      cost: {
        alone: costs.reduce((sum, { alone }) => sum + alone, 0),
        shared: costs.reduce((sum, { added }) => sum + added, 0),
        count: subnets.length,
        convolutions: testedConvolutions(space, subnets),
        maps: testedMaps(space, subnets),
      },
    };
  }
  return latest.cost;
}
