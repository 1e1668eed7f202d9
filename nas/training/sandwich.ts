import { randomOf } from '../space/random.ts';
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
export function sandwich(
  config: Pick<TrainSupernetConfig, 'space' | 'seed' | 'num_arch_training' | 'sandwich_rule' | 'sample_way'>,
  step: number,
): SandwichNet[] {
  const { space, seed } = config;
  const between = config.num_arch_training - (config.sandwich_rule ? 2 : 1);
  const nets: SandwichNet[] = [
    { role: 'max', subnet: subnetOf(space, maxArchitecture(space)), resolution: space.resolutions.at(-1)! },
  ];
  for (let index = 0; index < between; index++) {
    const random = randomOf(seed, 'net', step, index);
    const resolution = randomResolution(space, random);
    const architecture =
      config.sample_way === 'fair'
        ? fairArchitecture(config, step * between + index)
        : randomArchitecture(space, random);
    nets.push({ role: 'random', subnet: subnetOf(space, architecture), resolution });
  }
  if (config.sandwich_rule) {
    nets.push({ role: 'min', subnet: subnetOf(space, minArchitecture(space)), resolution: space.resolutions[0]! });
  }
  return nets;
}

/** The n-th net of the endless sequence of fair groups; a group is drawn by its number, so nothing is carried between steps. */
function fairArchitecture({ space, seed }: Pick<TrainSupernetConfig, 'space' | 'seed'>, n: number): Architecture {
  const size = space.ratios.length;
  return fairArchitectures(space, randomOf(seed, 'fair', Math.floor(n / size)))[n % size]!;
}
