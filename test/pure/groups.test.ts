import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { supernetParameterCount } from '../../nas/space/cost.ts';
import { groupMaxima, groupOf, mostGroups, stageGroups } from '../../nas/space/groups.ts';
import { parameterLayout } from '../../nas/space/layout.ts';
import { subnetOf, widths } from '../../nas/space/space.ts';
import type { Space } from '../../nas/space/space.ts';
import { anyArchitectures, committedSpace } from '../support/spaces.ts';

const space = committedSpace('imagenet');
const byDepth: Space = { ...space, group_by: 'depth' };
const shapes = (groups: number): string[] =>
  parameterLayout(space, groups, 10).map(({ name, shape }) => `${name} ${shape.join('×')}`);

const stage = (...outs: number[]): { mid: number; out: number }[] => outs.map((out) => ({ mid: out, out }));

/** Of each stage's groups, all of which hold every depth. */
const outs = (groups: number): number[][] =>
  groupMaxima(space, groups).map((own, at) =>
    own.map(({ out, depth }) => {
      expect(depth).toBe(space.stages[at]!.depth[1]);
      return out;
    }),
  );

/** Of each stage's groups, all of which hold every width. */
const depthsOf = (groups: number): number[][] =>
  groupMaxima(byDepth, groups).map((own, at) =>
    own.map(({ out, depth }) => {
      expect(out).toBe(space.stages[at]!.base);
      return depth;
    }),
  );

describe('groups', () => {
  test('are the K widest of the distinct widths, all of them once K exceeds their number', () => {
    expect(outs(1)).toEqual([[64], [128], [256], [512]]);
    expect(outs(2)).toEqual([
      [56, 64],
      [120, 128],
      [240, 256],
      [488, 512],
    ]);
    expect(outs(7)).toEqual([
      [48, 56, 64],
      [88, 96, 104, 112, 120, 128],
      [176, 192, 208, 216, 232, 240, 256],
      [360, 384, 408, 432, 464, 488, 512],
    ]);
  });

  test('by depth are the K largest depths at full width, all of them once K exceeds their number', () => {
    expect(depthsOf(1)).toEqual([[5], [5], [8], [5]]);
    expect(depthsOf(5)).toEqual([
      [2, 3, 4, 5],
      [2, 3, 4, 5],
      [4, 5, 6, 7, 8],
      [2, 3, 4, 5],
    ]);
    expect(depthsOf(7)[2]).toEqual([2, 3, 4, 5, 6, 7, 8]);
  });

  test('of any space part the widths or depths of each stage among themselves, and every subnet has one group a stage', () => {
    const any = anyArchitectures({ minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(any, fc.nat(8), ({ space: other, architectures }, more) => {
        const K = 1 + (more % mostGroups(other).most);
        const maxima = groupMaxima(other, K);
        const measure = other.group_by === 'depth' ? 'depth' : 'out';
        maxima.forEach((own, at) => {
          const [min, max] = other.stages[at]!.depth;
          const depths = Array.from({ length: max - min + 1 }, (_, index) => min + index);
          const all = measure === 'depth' ? depths : widths(other, at);
          expect(own.map((group) => group[measure])).toEqual(all.slice(Math.max(0, all.length - K)));
          for (const size of all) {
            const group = groupOf(own, { out: 1, depth: 1, [measure]: size });
            expect(own[group]![measure]).toBeGreaterThanOrEqual(size);
            if (group > 0) expect(own[group - 1]![measure]).toBeLessThan(size);
          }
        });
        for (const architecture of architectures) {
          const subnet = subnetOf(other, architecture);
          const groups = stageGroups(maxima, subnet);
          subnet.stages.forEach((blocks, at) => {
            const own = blocks.map(({ out }) => groupOf(maxima[at]!, { out, depth: blocks.length }));
            expect(groups[at]).toBe(Math.max(...own));
          });
        }
      }),
      { numRuns: 200 },
    );
  });

  test('refuse a K that is not an integer from 1 to the number of ratios, or of depths', () => {
    const shallow: Space = { ...byDepth, stages: space.stages.map((one) => ({ ...one, depth: [2, 4] })) };
    for (const groups of [0, 8, 2.5, NaN]) {
      expect(() => groupMaxima(space, groups)).toThrow(`groups: expected an integer 1..7, got ${groups}`);
      expect(() => groupMaxima(shallow, groups)).toThrow(`groups: expected an integer 1..3, got ${groups}`);
    }
    expect(mostGroups(space)).toEqual({ most: 7, of: 'widths' });
    expect(mostGroups(shallow)).toEqual({ most: 3, of: 'depths' });
  });

  test('hold blocks in the smallest maximum that is neither narrower nor shallower', () => {
    const wide = [64, 80, 96].map((out) => ({ out, depth: 5 }));
    expect([48, 64, 72, 80, 96].map((out) => groupOf(wide, { out, depth: 5 }))).toEqual([0, 0, 1, 1, 2]);
    const deep = [2, 4, 5].map((depth) => ({ out: 64, depth }));
    expect([1, 2, 3, 4, 5].map((depth) => groupOf(deep, { out: 64, depth }))).toEqual([0, 0, 1, 1, 2]);
    const refused = 'group: expected at most 5 blocks of at most 64 channels, got';
    expect(() => groupOf(deep, { out: 96, depth: 3 })).toThrow(`${refused} 3 of at most 96`);
    expect(() => groupOf(deep, { out: 64, depth: 6 })).toThrow(`${refused} 6 of at most 64`);
  });

  test('of a stage whose blocks differ is that of the widest', () => {
    const subnet = { stem: 48, stages: [stage(48, 64), stage(96, 96), stage(232, 176), stage(464, 360)] };
    expect(stageGroups(groupMaxima(space, 3), subnet)).toEqual([2, 0, 0, 0]);
    expect(stageGroups(groupMaxima(byDepth, 4), subnet)).toEqual([0, 0, 0, 0]);
    const deeper = { ...subnet, stages: subnet.stages.map((blocks) => [...blocks, ...blocks, blocks[0]!]) };
    expect(stageGroups(groupMaxima(byDepth, 4), deeper)).toEqual([3, 3, 0, 3]);
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

  test('by depth are of as many blocks as a group holds, all at full width', () => {
    const fewShot = parameterLayout(byDepth, 3, 10).map(({ name, shape }) => `${name} ${shape.join('×')}`);
    const stageTwo = fewShot.filter((name) => /^blocks\.1\..*\.conv2\./.test(name));
    expect(stageTwo).toEqual(
      [3, 4, 5].flatMap((depth, group) =>
        Array.from({ length: depth }, (_, block) => `blocks.1.${group}.${block}.conv2.conv.weight 128×128×3×3`),
      ),
    );
    expect(fewShot.filter((name) => name.startsWith('classifier'))).toEqual(
      [0, 1, 2].flatMap((group) => [
        `classifier_groups.${group}.linear.linear.weight 10×512`,
        `classifier_groups.${group}.linear.linear.bias 10`,
      ]),
    );
    expect(parameterLayout(byDepth, 1, 10)).toEqual(parameterLayout(space, 1, 10));
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
