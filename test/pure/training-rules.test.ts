import { describe, expect, test } from 'vitest';
import { parameterLayout } from '../../nas/space/layout.ts';
import type { GroupLrFactor } from '../../nas/training/sgd-config.ts';
import { lrFactor, weightDecay } from '../../nas/training/sgd.ts';
import { tinySupernet } from '../support/training-configs.ts';

const imagenet = {
  ...tinySupernet().space,
  channels: 3,
  resolutions: [224],
  stages: (
    [
      [64, 1, 5],
      [128, 2, 5],
      [256, 2, 8],
      [512, 2, 5],
    ] as const
  ).map(([base, stride, depth]) => ({
    base,
    stride,
    depth: [2, depth] as [number, number],
  })),
  ratios: [1, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7],
  divisor: 8,
};

function rules(groups: number, factors: GroupLrFactor[], blocks: number[] | null = null) {
  return { space: imagenet, groups, group_lr_factors: { [groups]: factors }, group_lr_blocks: blocks };
}

describe('learning-rate factors', () => {
  const two: GroupLrFactor[] = [
    { stage: 1, group: 'last', factor: 2 },
    { stage: 3, group: 'last', factor: 6 },
  ];

  test('reach the last group of the named stages and nothing else', () => {
    const config = rules(2, two);
    expect(lrFactor(config, { stage: 0, group: 1, block: 4 })).toBe(2);
    expect(lrFactor(config, { stage: 0, group: 0, block: 0 })).toBe(1);
    expect(lrFactor(config, { stage: 1, group: 1, block: 0 })).toBe(1);
    expect(lrFactor(config, { stage: 2, group: 1, block: 7 })).toBe(6);
    expect(lrFactor(config, { stage: -1, group: 0, block: 0 })).toBe(1);
    expect(lrFactor(config, { stage: 4, group: 1, block: 0 })).toBe(1);
  });

  test('take the last group there is where a stage has fewer distinct widths than K', () => {
    const config = rules(6, [{ stage: 1, group: 'last', factor: 3 }]);
    expect(lrFactor(config, { stage: 0, group: 2, block: 0 })).toBe(3);
  });

  test('of the original stop after four blocks of a five-block stage', () => {
    const config = rules(2, two, [4, 4, 8, 4]);
    expect(lrFactor(config, { stage: 0, group: 1, block: 3 })).toBe(2);
    expect(lrFactor(config, { stage: 0, group: 1, block: 4 })).toBe(1);
    expect(lrFactor(config, { stage: 2, group: 1, block: 7 })).toBe(6);
  });

  test('are 1 for a K that is not named', () => {
    const config = { ...rules(2, two), groups: 7 };
    expect(lrFactor(config, { stage: 0, group: 2, block: 0 })).toBe(1);
  });
});

test('weight decay tells weights from BN and biases', () => {
  const config = { weight_decay_weight: 1e-5, weight_decay_bn_bias: 0 };
  const decayed = parameterLayout(tinySupernet().space, 1, 10)
    .filter(({ kind }) => weightDecay(config, kind) > 0)
    .map(({ name }) => name);
  expect(decayed.every((name) => /\.(conv|linear)\.weight$/.test(name))).toBe(true);
  expect(decayed).toHaveLength(1 + 4 * 3 + 1);
});
