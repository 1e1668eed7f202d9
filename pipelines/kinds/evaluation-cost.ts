/** What an evaluation costs in multiply-accumulates, operations, memory and disk, as good as it can be known before the run. */
import { partImages } from '../../configs/dataset-schema.ts';
import { macs, supernetParameterCount } from '../../nas/space/cost.ts';
import { activations } from '../../nas/space/footprint.ts';
import { prefixTree } from '../../nas/space/prefix-tree.ts';
import { maxArchitecture } from '../../nas/space/sampling.ts';
import { subnetOf } from '../../nas/space/space.ts';
import type { Space, Subnet } from '../../nas/space/space.ts';
import type { ListedSubnet } from '../../nas/space/subnet-list.ts';
import { sharedMacs } from '../../nas/space/tree-cost.ts';
import type { EvaluateSubnetsConfig } from '../../nas/evaluation/config.ts';
import { evaluatedPositions } from '../../nas/evaluation/predictor/budget.ts';
import { sampledSubnets } from '../../nas/evaluation/subnet-set.ts';
import type { Cost } from '../plan.ts';
import {
  ACCESSES_TESTED,
  bytesOf,
  FLOAT_BYTES,
  GIGA,
  OPERATIONS_TESTED,
  testedConvolutions,
  testedMaps,
} from './cost.ts';

/** A prefix tree of so many subnets takes about 0.1 s. Of more, so many in a row at some places stand for all. */
const LARGEST_TREE = 5000;
const PLACES = 5;
/** Of a subnet in the files of a part, and in the list of the whole set that lies beside each part. */
const RESULT_BYTES = 400;
const LISTED_BYTES = 90;

/** One part of a set of subnets, walked as a prefix tree. */
export function evaluationCost(config: EvaluateSubnetsConfig, listed: readonly ListedSubnet[]): Cost {
  const { space, dataset, calibration, parts, supernet, test_set: testSet, n_classes: classes } = config;
  const tested = partImages(dataset, testSet === 1 ? 'test' : 'selection');
  const images = tested + calibration.batches * calibration.batch_size;
  const batches = Math.ceil(tested / config.batch_size) + calibration.batches;
  const { alone, shared, count, convolutions, maps } = treeCost(config, listed);
  const rest = shared / alone / parts;
  const largest = subnetOf(space, maxArchitecture(space));
  const path = activations(space, largest, space.resolutions.at(-1) ?? 0).kept;
  return {
    gmacs: (images * shared) / parts / GIGA,
    traffic: images * maps * ACCESSES_TESTED * bytesOf(config) * rest,
    operations: batches * convolutions * OPERATIONS_TESTED * rest,
    // On the way down a branch each block's output waits for the siblings.
    memory:
      supernetParameterCount(space, supernet.groups, classes) * FLOAT_BYTES +
      (Math.max(config.batch_size, calibration.batch_size) * path * bytesOf(config)) / 2,
    disk: (count / parts) * RESULT_BYTES + count * LISTED_BYTES,
    note: `${count} subnets / ${parts} × ${images} images${shared < alone ? `, ${(alone / shared).toFixed(2)} × fewer MACs by shared prefixes` : ''}`,
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
    const alone = aloneMacs(space, subnets, native);
    const shared = alone * sharedPart(space, subnets, supernet.groups, native);
    latest = {
      of,
      cost: {
        alone,
        shared,
        count: subnets.length,
        convolutions: testedConvolutions(space, subnets),
        maps: testedMaps(space, subnets),
      },
    };
  }
  return latest.cost;
}

function aloneMacs(space: Space, subnets: readonly Subnet[], native: number): number {
  return subnets.reduce((sum, subnet) => sum + macs(space, subnet, native), 0);
}

/** What is left of the MACs where common beginnings are computed once: at most 1. */
function sharedPart(space: Space, subnets: readonly Subnet[], groups: number, native: number): number {
  const samples = subnets.length <= LARGEST_TREE ? [subnets] : neighbours(subnets);
  const total = (of: (sample: readonly Subnet[]) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0);
  return (
    total((sample) => sharedMacs(prefixTree(space, sample, groups), native)) /
    total((sample) => aloneMacs(space, sample, native))
  );
}

/** Runs of subnets that begin alike, as those of one chunk of an evaluation do. */
function neighbours(subnets: readonly Subnet[]): Subnet[][] {
  const named = subnets.map((subnet) => ({ subnet, key: JSON.stringify([subnet.stem, subnet.stages]) }));
  const sorted = named.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ subnet }) => subnet);
  const length = LARGEST_TREE / PLACES;
  return Array.from({ length: PLACES }, (_, place) => {
    const start = Math.floor((place * (sorted.length - length)) / (PLACES - 1));
    return sorted.slice(start, start + length);
  });
}
