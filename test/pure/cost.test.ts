import { describe, expect, test } from 'vitest';
import { parseArchCode } from '../../nas/space/arch-code.ts';
import {
  activations,
  blockMacs,
  convolutions,
  macs,
  parameterCount,
  supernetParameterCount,
} from '../../nas/space/cost.ts';
import { parameterLayout } from '../../nas/space/layout.ts';
import { maxArchitecture } from '../../nas/space/sampling.ts';
import { residualBlocks } from '../../nas/space/network.ts';
import { subnetOf } from '../../nas/space/space.ts';
import type { Space } from '../../nas/space/space.ts';
import { committedSpace, competitionCodes } from '../support/spaces.ts';

const imagenet = committedSpace('imagenet');

// Two stages of one block: small enough to count by hand.
const tiny: Space = {
  name: 'tiny',
  channels: 3,
  resolutions: [9],
  stem: { kernel: 3, stride: 2, pool: false, base: 2 },
  stages: [
    { base: 4, stride: 1, depth: [1, 1] },
    { base: 4, stride: 2, depth: [1, 1] },
  ],
  ratios: [1, 0.5],
  divisor: 1,
};
const subnet = { stem: 2, stages: [[{ mid: 4, out: 2 }], [{ mid: 2, out: 4 }]] };

describe('the cost of a subnet', () => {
  test('counts convolutions, shortcuts and the linear layer as a hand does', () => {
    const stem = 9 * 3 * 2 * 25; // 9×9 → 5×5
    const first = (9 * 2 * 4 + 9 * 4 * 2) * 25; // identity shortcut
    const second = (9 * 2 * 2 + 9 * 2 * 4 + 2 * 4) * 9; // 5×5 → 3×3
    expect(macs(tiny, subnet, 9)).toBe(stem + first + second);
    expect(macs(tiny, subnet, 9, 10)).toBe(stem + first + second + 4 * 10);
  });

  test('halves the map once more where the stem has a pool', () => {
    const pooled = { ...tiny, stem: { ...tiny.stem, pool: true } };
    const stem = 9 * 3 * 2 * 25;
    const blocks = (9 * 2 * 4 + 9 * 4 * 2) * 9 + (9 * 2 * 2 + 9 * 2 * 4 + 2 * 4) * 4; // 5×5 → 3×3 → 2×2
    expect(macs(pooled, subnet, 9)).toBe(stem + blocks);
  });

  test('counts weights, BN and biases as a hand does', () => {
    const stem = 9 * 3 * 2 + 4;
    const first = 9 * 2 * 4 + 8 + 9 * 4 * 2 + 4;
    const second = 9 * 2 * 2 + 4 + 9 * 2 * 4 + 8 + 2 * 4 + 8;
    expect(parameterCount(tiny, subnet, 10)).toBe(stem + first + second + 4 * 10 + 10);
  });

  test('of a block is that of its convolutions, the shortcut among them where it is one', () => {
    const [first, second] = residualBlocks(tiny, subnet);
    expect(blockMacs(first!, 9)).toBe((9 * 2 * 4 + 9 * 4 * 2) * 25);
    expect(blockMacs(second!, 9)).toBe((9 * 2 * 2 + 9 * 2 * 4 + 2 * 4) * 9);
  });

  test('counts convolutions, and the numbers that a forward pass keeps for the backward pass', () => {
    expect(convolutions(tiny, subnet)).toBe(1 + 2 + 3);
    // Stem 5×5×2; conv1 5×5×4, conv2 5×5×2; conv1 3×3×2, conv2 and shortcut 3×3×4 each: all twice. Sums 5×5×2 and 3×3×4 once.
    const convolved = 50 + (100 + 50) + (18 + 36 + 36);
    expect(activations(tiny, subnet, 9)).toEqual({ kept: 2 * convolved + 50 + 36, largest: 100 });
    const pooled = { ...tiny, stem: { ...tiny.stem, pool: true } };
    const behind = 9 * 4 + 9 * 2 + 4 * (2 + 4 + 4); // 3×3, then 2×2
    expect(activations(pooled, subnet, 9)).toEqual({ kept: 2 * (50 + behind) + 9 * 2 + (9 * 2 + 4 * 4), largest: 50 });
  });

  test('is 3.0 GMACs on average over the competition', () => {
    const sample = competitionCodes().filter((_, index) => index % 45 === 0);
    const total = sample.reduce(
      (sum, code) => sum + macs(imagenet, subnetOf(imagenet, parseArchCode(imagenet, code)), 224, 1000),
      0,
    );
    expect(total / sample.length / 1e9).toBeCloseTo(3.0, 1);
  });

  test('of the max net is the one-shot supernet less the shortcuts it does not use', () => {
    const max = subnetOf(imagenet, maxArchitecture(imagenet));
    const unused = parameterLayout(imagenet, 1, 10)
      .filter(({ name, stage, block }) => name.includes('short_') && (block > 0 || stage === 0))
      .reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
    expect(parameterCount(imagenet, max, 10)).toBe(supernetParameterCount(imagenet, 1, 10) - unused);
  });
});
