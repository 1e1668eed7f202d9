import { describe, expect, test } from 'vitest';
import { macs } from '../../nas/space/cost.ts';
import { maxArchitecture, minArchitecture } from '../../nas/space/sampling.ts';
import { subnetOf } from '../../nas/space/space.ts';
import { sandwich } from '../../nas/training/sandwich.ts';
import { tinySupernet } from '../support/training-configs.ts';

const config = tinySupernet();
const { space } = config;

describe('the sandwich', () => {
  test('is the max net, random nets, the min net', () => {
    const nets = sandwich(config, 0);
    expect(nets.map(({ role }) => role)).toEqual(['max', 'random', 'random', 'min']);
    expect(nets[0]).toMatchObject({ subnet: subnetOf(space, maxArchitecture(space)), resolution: 28 });
    expect(nets[3]).toMatchObject({ subnet: subnetOf(space, minArchitecture(space)), resolution: 20 });
  });

  test('has its max net at the last of many resolutions, its min net at the first', () => {
    const nets = sandwich({ ...config, space: { ...space, resolutions: [20, 24, 28] } }, 0);
    expect([nets[0]!.resolution, nets[3]!.resolution]).toEqual([28, 20]);
  });

  test('ends with a random net where the rule is off', () => {
    const roles = sandwich({ ...config, sandwich_rule: false }, 0).map(({ role }) => role);
    expect(roles).toEqual(['max', 'random', 'random', 'random']);
  });

  test('depends on seed and step alone', () => {
    expect(sandwich(config, 7)).toEqual(sandwich(config, 7));
    expect(sandwich(config, 7)).not.toEqual(sandwich(config, 8));
    expect(sandwich(config, 7)).not.toEqual(sandwich({ ...config, seed: 1 }, 7));
  });

  test('draws every resolution', () => {
    const drawn = new Set(Array.from({ length: 20 }, (_, step) => sandwich(config, step)[1]!.resolution));
    expect(drawn).toEqual(new Set([20, 28]));
  });

  test('samples fairly: in a group of nets every stem width once', () => {
    const fair = { ...config, sample_way: 'fair' as const, num_arch_training: 5 };
    for (let step = 0; step < 20; step++) {
      const nets = sandwich(fair, step).filter(({ role }) => role === 'random');
      expect(new Set(nets.map(({ subnet }) => subnet.stem))).toEqual(new Set([2, 3, 4]));
    }
    // A group may lie across two iterations, and is drawn whole all the same.
    const two = { ...fair, num_arch_training: 4 };
    const nets = Array.from({ length: 30 }, (_, step) => sandwich(two, step).slice(1, 3)).flat();
    for (let first = 0; first < nets.length; first += 3) {
      const group = nets.slice(first, first + 3);
      expect(new Set(group.map(({ subnet }) => subnet.stem))).toEqual(new Set([2, 3, 4]));
    }
  });

  test('takes the largest or the smallest of so many candidates', () => {
    expect(meanCost('large')).toBeGreaterThan(1.15 * meanCost('random'));
    expect(meanCost('small')).toBeLessThan(0.85 * meanCost('random'));
  });
});

/** Mean MACs of the random nets of forty iterations. */
function meanCost(sample_way: 'random' | 'large' | 'small'): number {
  const way = { ...config, sample_way, ...(sample_way !== 'random' && { sample_candidates: 4 }) };
  const nets = Array.from({ length: 40 }, (_, step) => sandwich(way, step)).flat();
  const costs = nets.filter(({ role }) => role === 'random').map(({ subnet }) => macs(space, subnet, 28, 10));
  return costs.reduce((sum, cost) => sum + cost, 0) / costs.length;
}
