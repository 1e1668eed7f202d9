import { describe, expect, test } from 'vitest';
import { bandedArchitectures } from '../../nas/space/bands.ts';
import { macs, parameterCount } from '../../nas/space/cost.ts';
import { randomOf } from '../../nas/space/random.ts';
import { randomArchitecture } from '../../nas/space/sampling.ts';
import { depthOf, subnetOf } from '../../nas/space/space.ts';
import type { Architecture, Space } from '../../nas/space/space.ts';

// Two stages with few choices, so that many draws are of a subnet that was drawn before.
const space: Space = {
  name: 'tiny',
  channels: 1,
  resolutions: [8],
  stem: { kernel: 3, stride: 1, pool: false, base: 4 },
  stages: [
    { base: 4, stride: 1, depth: [1, 2] },
    { base: 8, stride: 2, depth: [1, 3] },
  ],
  ratios: [1, 0.9, 0.75, 0.5],
  divisor: 1,
};
const CLASSES = 10;
const DRAWS = 8000;
const target = 2500;

const parametersOf = (one: Architecture): number => parameterCount(space, subnetOf(space, one), CLASSES);
const macsOf = (one: Architecture): number => macs(space, subnetOf(space, one), 8, CLASSES);
const key = (one: Architecture): string => JSON.stringify(one);
const isWithin = (value: number, middle: number): boolean => Math.abs(value - middle) < 0.015 * middle;

/** All different subnets of about that many parameters, drawn as often as the bands are, in the order of the draws. */
function plain(seed: number): Architecture[] {
  const found = new Map<string, Architecture>();
  for (let draw = 0; draw < DRAWS; draw++) {
    const one = randomArchitecture(space, randomOf(seed, 'bands', draw));
    const subnet = JSON.stringify(subnetOf(space, one));
    if (isWithin(parametersOf(one), target) && !found.has(subnet)) found.set(subnet, one);
  }
  const all = [...found.values()];
  const middle = all.map(macsOf).toSorted((a, b) => a - b)[Math.floor(all.length / 2)]!;
  return all.filter((one) => isWithin(macsOf(one), middle));
}

describe('bands', () => {
  test('are subnets of equal parameters and MACs, spread evenly over all that were found, shallow ones first', () => {
    const depth = (one: Architecture): number => depthOf(subnetOf(space, one));
    const all = plain(3).toSorted((a, b) => depth(a) - depth(b));
    const count = 4;
    expect(all.length).toBeGreaterThan(2 * count);
    const [band] = bandedArchitectures(space, { parameters: [target], count, seed: 3, classes: CLASSES, draws: DRAWS });
    expect(band).toEqual([1, 3, 5, 7].map((eighth) => all[Math.floor((eighth * all.length) / 8)]));
    expect(new Set(all.map(depth)).size).toBeGreaterThan(1);
  });

  test('may be all that there is; with fewer than asked for they are refused', () => {
    const draw = (count: number): Architecture[][] =>
      bandedArchitectures(space, { parameters: [target], count, seed: 3, classes: CLASSES, draws: DRAWS });
    const all = plain(3);
    expect(new Set(draw(all.length)[0]!.map(key))).toEqual(new Set(all.map(key)));
    expect(() => draw(all.length + 1)).toThrow(
      `space tiny: expected ${all.length + 1} subnets of ${target} parameters and equal MACs, got ${all.length}`,
    );
  });
});
