import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { supernetParameterCount } from '../../nas/space/cost.ts';
import { groupMaxima, groupOf, stageGroups } from '../../nas/space/groups.ts';
import { parameterLayout } from '../../nas/space/layout.ts';
import { subnetOf, widths } from '../../nas/space/space.ts';
import { anyArchitectures, committedSpace } from '../support/spaces.ts';

const space = committedSpace('imagenet');
const shapes = (groups: number): string[] =>
  parameterLayout(space, groups, 10).map(({ name, shape }) => `${name} ${shape.join('×')}`);

const stage = (...outs: number[]): { mid: number; out: number }[] => outs.map((out) => ({ mid: out, out }));

describe('groups', () => {
  test('are the K widest of the distinct widths, all of them once K exceeds their number', () => {
    expect(groupMaxima(space, 1)).toEqual([[64], [128], [256], [512]]);
    expect(groupMaxima(space, 2)).toEqual([
      [56, 64],
      [120, 128],
      [240, 256],
      [488, 512],
    ]);
    expect(groupMaxima(space, 7)).toEqual([
      [48, 56, 64],
      [88, 96, 104, 112, 120, 128],
      [176, 192, 208, 216, 232, 240, 256],
      [360, 384, 408, 432, 464, 488, 512],
    ]);
  });

  test('of any space part the widths of each stage among themselves, and every subnet has one group a stage', () => {
    const any = anyArchitectures({ minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(any, fc.nat(8), ({ space: other, architectures }, more) => {
        const K = 1 + (more % other.ratios.length);
        const maxima = groupMaxima(other, K);
        maxima.forEach((own, at) => {
          const all = widths(other, at);
          expect(own).toEqual(all.slice(Math.max(0, all.length - K)));
          for (const width of all) {
            const group = groupOf(own, width);
            expect(own[group]).toBeGreaterThanOrEqual(width);
            if (group > 0) expect(own[group - 1]).toBeLessThan(width);
          }
        });
        for (const architecture of architectures) {
          const subnet = subnetOf(other, architecture);
          const groups = stageGroups(maxima, subnet);
          subnet.stages.forEach((blocks, at) => {
            const own = blocks.map(({ out }) => groupOf(maxima[at]!, out));
            expect(groups[at]).toBe(Math.max(...own));
          });
        }
      }),
      { numRuns: 200 },
    );
  });

  test('refuse a K that is not an integer from 1 to the number of ratios', () => {
    for (const groups of [0, 8, 2.5, NaN]) {
      expect(() => groupMaxima(space, groups)).toThrow(`groups: expected an integer 1..7, got ${groups}`);
    }
  });

  test('hold a width in the smallest maximum that is not below it', () => {
    expect([48, 64, 72, 80, 96].map((width) => groupOf([64, 80, 96], width))).toEqual([0, 0, 1, 1, 2]);
    expect(() => groupOf([64, 72, 80], 96)).toThrow('expected a width of at most 80, got 96');
  });

  test('of a stage whose blocks differ is that of the widest', () => {
    const subnet = { stem: 48, stages: [stage(48, 64), stage(96, 96), stage(232, 176), stage(464, 360)] };
    expect(stageGroups(groupMaxima(space, 3), subnet)).toEqual([2, 0, 0, 0]);
  });
});

describe('the parameters of a supernet', () => {
  // From the original implementation with 10 classes; K = 1 by hand from its shapes.
  test.each([
    [1, 35_138_506],
    [2, 68_420_676],
    [3, 100_168_558],
    [4, 129_469_688],
    [5, 157_296_466],
    [6, 183_355_196],
    [7, 206_717_814],
  ])('with K = %i are as many as the original has', (groups, count) => {
    expect(supernetParameterCount(space, groups, 10)).toBe(count);
  });

  test('carry the names of the original in the one-shot supernet, blocks numbered through the stages', () => {
    const oneShot = shapes(1);
    expect(oneShot.slice(0, 13)).toEqual([
      'first_conv.conv.conv.weight 64×3×7×7',
      'first_conv.bn.bn.weight 64',
      'first_conv.bn.bn.bias 64',
      'blocks.0.conv1.conv.weight 64×64×3×3',
      'blocks.0.bn1.bn.weight 64',
      'blocks.0.bn1.bn.bias 64',
      'blocks.0.conv2.conv.weight 64×64×3×3',
      'blocks.0.bn2.bn.weight 64',
      'blocks.0.bn2.bn.bias 64',
      'blocks.0.short_conv.conv.weight 64×64×1×1',
      'blocks.0.short_bn.bn.weight 64',
      'blocks.0.short_bn.bn.bias 64',
      'blocks.1.conv1.conv.weight 64×64×3×3',
    ]);
    expect(oneShot).toContain('blocks.5.conv1.conv.weight 128×64×3×3');
    expect(oneShot).toContain('blocks.22.short_conv.conv.weight 512×512×1×1');
    expect(oneShot.slice(-2)).toEqual(['classifier.linear.linear.weight 10×512', 'classifier.linear.linear.bias 10']);
    expect(oneShot).toHaveLength(3 + 23 * 9 + 2);
  });

  test('carry stage, group and block in the few-shot names; conv1 stays wide, conv2 ends at the maximum', () => {
    const fewShot = shapes(3);
    expect(fewShot).toEqual(
      expect.arrayContaining([
        'blocks.1.0.0.conv1.conv.weight 128×64×3×3',
        'blocks.1.0.0.conv2.conv.weight 112×128×3×3',
        'blocks.1.0.0.short_conv.conv.weight 112×64×1×1',
        'blocks.1.0.1.conv1.conv.weight 128×112×3×3',
        'blocks.1.0.1.bn1.bn.weight 128',
        'blocks.1.0.1.bn2.bn.bias 112',
        'blocks.1.0.4.short_bn.bn.weight 112',
        'blocks.2.2.7.conv2.conv.weight 256×256×3×3',
        'classifier_groups.0.linear.linear.weight 10×464',
        'classifier_groups.2.linear.linear.bias 10',
      ]),
    );
  });

  test('say where they stand', () => {
    const layout = parameterLayout(space, 2, 10);
    const at = (name: string): unknown => layout.find((spec) => spec.name === name);
    expect(at('first_conv.bn.bn.bias')).toMatchObject({ kind: 'bias', stage: -1, group: 0, block: 0 });
    expect(at('blocks.3.1.4.bn1.bn.weight')).toMatchObject({ kind: 'norm', stage: 3, group: 1, block: 4 });
    expect(at('classifier_groups.1.linear.linear.weight')).toMatchObject({ kind: 'linear', stage: 4, group: 1 });
    expect(new Set(layout.map(({ name }) => name)).size).toBe(layout.length);
  });
});
