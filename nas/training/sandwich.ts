import { macs } from '../space/cost.ts';
import { randomOf } from '../space/random.ts';
import type { Random } from '../space/random.ts';
import {
  fairArchitectures,
  maxArchitecture,
  minArchitecture,
  randomArchitecture,
  randomResolution,
} from '../space/sampling.ts';
import { subnetOf } from '../space/space.ts';
import type { Architecture, Subnet } from '../space/space.ts';
import type { TrainSupernetConfig } from './config.ts';

type SandwichConfig = Pick<
  TrainSupernetConfig,
  'space' | 'seed' | 'num_arch_training' | 'sandwich_rule' | 'sample_way' | 'sample_candidates'
>;

/** One net of an iteration. */
export interface SandwichNet {
  readonly role: 'max' | 'random' | 'min';
  readonly subnet: Subnet;
  /** Side that the images are resized to before this net. */
  readonly resolution: number;
}

/**
 * The nets of an iteration, in the order their gradients are added (BigNAS, arXiv 2003.11142): the max net at the full
 * resolution, random nets at random resolutions, the min net at the smallest. Without sandwich_rule the last is random too.
 * @param step iterations before this one, over all epochs
 */
export function sandwich(config: SandwichConfig, step: number): SandwichNet[] {
  const { space, seed } = config;
  const between = config.num_arch_training - (config.sandwich_rule ? 2 : 1);
  const nets: SandwichNet[] = [
    { role: 'max', subnet: subnetOf(space, maxArchitecture(space)), resolution: space.resolutions.at(-1)! },
  ];
  for (let index = 0; index < between; index++) {
    const random = randomOf(seed, 'net', step, index);
    const resolution = randomResolution(space, random);
    nets.push({ role: 'random', subnet: sampled(config, step * between + index, random), resolution });
  }
  if (config.sandwich_rule) {
    nets.push({ role: 'min', subnet: subnetOf(space, minArchitecture(space)), resolution: space.resolutions[0]! });
  }
  return nets;
}

/** The n-th net that is neither the largest nor the smallest. */
function sampled(config: SandwichConfig, n: number, random: Random): Subnet {
  const { space, sample_way: way, sample_candidates: candidates = 1 } = config;
  if (way === 'fair') return subnetOf(space, fairArchitecture(config, n));
  const costOf = (subnet: Subnet): number => macs(space, subnet, space.resolutions.at(-1)!, 0);
  const some = Array.from({ length: candidates }, () => subnetOf(space, randomArchitecture(space, random)));
  return some.reduce((best, other) => {
    if (way === 'large') return costOf(other) > costOf(best) ? other : best;
    return costOf(other) < costOf(best) ? other : best;
  });
}

/** The n-th net of the endless sequence of fair groups; a group is drawn by its number, so nothing is carried between steps. */
function fairArchitecture({ space, seed }: Pick<TrainSupernetConfig, 'space' | 'seed'>, n: number): Architecture {
  const size = space.ratios.length;
  return fairArchitectures(space, randomOf(seed, 'fair', Math.floor(n / size)))[n % size]!;
}
