import { macs, parameterCount } from './cost.ts';
import { randomOf } from './random.ts';
import { randomArchitecture } from './sampling.ts';
import { depthOf, subnetOf } from './space.ts';
import type { Architecture, Space, Subnet } from './space.ts';
import { BadInput } from '../../plan/endings.ts';

// Subnets of equal size: within a band, counting parameters or MACs ranks nothing, so a ranking has to know something else.

/** How far parameters and MACs of a band lie from their middles at most: 3 % from end to end. */
const TOLERANCE = 0.015;

interface BandOptions {
  /** Of the subnets of each band, classifier included. */
  readonly parameters: readonly number[];
  /** Subnets a band. */
  readonly count: number;
  readonly seed: number;
  readonly classes: number;
  /** How many random subnets are looked at. */
  readonly draws?: number;
}

/**
 * Bands of subnets with equal numbers of parameters and of MACs, found among random ones. In a band depths differ
 * as they do among all that were found. A pure function of its arguments.
 * @returns by band, shallow subnets first; no two of them the same subnet
 * @throws BadInput where a band has fewer
 */
export function bandedArchitectures(
  space: Space,
  { parameters, count, seed, classes, draws = 200_000 }: BandOptions,
): Architecture[][] {
  const found = parameters.map(() => new Map<string, { architecture: Architecture; subnet: Subnet }>());
  for (let draw = 0; draw < draws; draw++) {
    const architecture = randomArchitecture(space, randomOf(seed, 'bands', draw));
    const subnet = subnetOf(space, architecture);
    const size = parameterCount(space, subnet, classes);
    const band = parameters.findIndex((target) => isNear(size, target));
    // Different codes may round to the same widths: those are one network.
    const key = band < 0 ? '' : JSON.stringify(subnet);
    if (band >= 0 && !found[band]!.has(key)) found[band]!.set(key, { architecture, subnet });
  }
  return found.map((band, index) => {
    const costs = [...band.values()].map((one) => ({
      ...one,
      macs: macs(space, one.subnet, space.resolutions.at(-1)!, classes),
    }));
    const middle = costs.map((one) => one.macs).toSorted((a, b) => a - b)[costs.length >> 1]!;
    const equal = costs
      .filter((one) => isNear(one.macs, middle))
      .toSorted((a, b) => depthOf(a.subnet) - depthOf(b.subnet));
    if (equal.length < count) {
      throw new BadInput(
        `space ${space.name}: expected ${count} subnets of ${parameters[index]} parameters and equal MACs, got ${equal.length}; ask for fewer, or for another size`,
      );
    }
    return Array.from(
      { length: count },
      (_, at) => equal[Math.floor(((at + 0.5) * equal.length) / count)]!.architecture,
    );
  });
}

function isNear(value: number, middle: number): boolean {
  return Math.abs(value / middle - 1) < TOLERANCE;
}
