import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { siblingSharedMacs } from '../../bench/sibling-macs.ts';
import { cutSet } from '../../nas/evaluation/subnet-set.ts';
import { prefixTree, sharedMacs, walk } from '../../nas/evaluation/walk/prefix-tree.ts';
import type { BlockNode } from '../../nas/evaluation/walk/prefix-tree.ts';
import { macs } from '../../nas/space/cost.ts';
import { groupMaxima, mostGroups, stageGroups } from '../../nas/space/groups.ts';
import { residualBlocks } from '../../nas/space/network.ts';
import { subnetOf } from '../../nas/space/space.ts';
import type { Block, Space, Subnet } from '../../nas/space/space.ts';
import { parseSubnetList } from '../../nas/space/subnet-list.ts';
import { isLong } from '../support/long.ts';
import { plainCut, plainSharedMacs, plainWalk } from '../support/plain-cut.ts';
import { anyArchitectures, committedSpace, configText } from '../support/spaces.ts';

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Every subnet of the tree, put together again from the path that leads to it. */
function pathsOf(
  space: Space,
  subnets: readonly Subnet[],
  groups: number,
): { subnet: number; path: BlockNode[]; stem: number }[] {
  const found: { subnet: number; path: BlockNode[]; stem: number }[] = [];
  const visit = (node: BlockNode, above: BlockNode[], stem: number): void => {
    const path = [...above, node];
    for (const subnet of node.subnets) found.push({ subnet, path, stem });
    for (const child of node.children) visit(child, path, stem);
  };
  for (const { out, children } of prefixTree(space, subnets, groups).stems)
    for (const child of children) visit(child, [], out);
  return found;
}

const stage = (...outs: number[]): Block[] => outs.map((out) => ({ mid: 64, out }));

const subnetsOf = (maxLength: number) =>
  anyArchitectures({ minLength: 1, maxLength }).map(({ space, architectures }) => ({
    space,
    subnets: architectures.map((architecture) => subnetOf(space, architecture)),
  }));
const anySubnets = subnetsOf(40);
const anyGroups = fc.integer({ min: 1, max: 9 });

describe('the prefix tree', () => {
  test('leads to every subnet once, by a path that is the subnet, in the order of a walk', () => {
    fc.assert(
      fc.property(anySubnets, anyGroups, ({ space, subnets }, k) => {
        const groups = Math.min(k, mostGroups(space).most);
        const paths = pathsOf(space, subnets, groups);
        expect(paths.map(({ subnet }) => subnet)).toEqual(walk(space, subnets, groups).map(({ subnet }) => subnet));
        for (const { subnet, path, stem } of paths) {
          const place = stageGroups(groupMaxima(space, groups), subnets[subnet]!);
          expect(stem).toBe(subnets[subnet]!.stem);
          expect(path).toMatchObject(
            residualBlocks(space, subnets[subnet]!).map((block) => ({ ...block, group: place[block.stage] })),
          );
        }
      }),
    );
  });

  test('shares every common beginning, and nothing else', () => {
    fc.assert(
      fc.property(anySubnets, anyGroups, ({ space, subnets }, k) => {
        const groups = Math.min(k, mostGroups(space).most);
        expect(sharedMacs(space, subnets, groups, 28)).toBe(plainSharedMacs(space, subnets, groups, 28));
      }),
    );
  });

  test('keeps subnets apart whose stages lie in different groups, though they begin alike', () => {
    const space = committedSpace('imagenet');
    const rest = [stage(128, 128), stage(256, 256), stage(512, 512)];
    const subnets = [
      { stem: 64, stages: [stage(56, 56), ...rest] },
      { stem: 64, stages: [stage(56, 64), ...rest] },
    ];
    expect(prefixTree(space, subnets, 1).stems[0]!.children).toHaveLength(1);
    expect(prefixTree(space, subnets, 2).stems[0]!.children.map(({ group }) => group)).toEqual([0, 1]);
  });
});

describe('a walk', () => {
  test('goes by stem, then block by block, as sorting lists of numbers does', () => {
    fc.assert(
      fc.property(anySubnets, anyGroups, ({ space, subnets }, k) => {
        const groups = Math.min(k, mostGroups(space).most);
        const order = walk(space, subnets, groups).map(({ subnet }) => subnet);
        expect(order).toEqual(plainWalk(space, subnets, groups));
      }),
    );
  });

  test('does not depend on the order of the subnets', () => {
    fc.assert(
      fc.property(anySubnets, ({ space, subnets }) => {
        const codes = (list: readonly Subnet[]): string[] =>
          walk(space, list, 1).map(({ subnet }) => JSON.stringify(list[subnet]));
        expect(codes(subnets.toReversed())).toEqual(codes(subnets));
      }),
    );
  });
});

const cutOf = (space: Space, subnets: readonly Subnet[], groups: number, parts: number): number[][] =>
  cutSet({ space, supernet: { groups }, cut: 'tree', parts }, subnets);

describe('cutting', () => {
  test('puts every subnet into exactly one part, in the order of a walk, none empty', () => {
    fc.assert(
      fc.property(anySubnets, anyGroups, ({ space, subnets }, wish) => {
        const parts = Math.min(wish, subnets.length);
        const cut = cutOf(space, subnets, 1, parts);
        expect(cut).toHaveLength(parts);
        expect(cut.flat()).toEqual(walk(space, subnets, 1).map(({ subnet }) => subnet));
        expect(cut.every((part) => part.length > 0)).toBe(true);
      }),
    );
  });

  test('makes the dearest part as cheap as trying every limit finds it', () => {
    fc.assert(
      fc.property(subnetsOf(9), anyGroups, anyGroups, ({ space, subnets }, wish, k) => {
        const parts = Math.min(wish, subnets.length);
        const groups = Math.min(k, mostGroups(space).most);
        expect(cutOf(space, subnets, groups, parts)).toEqual(plainCut(space, subnets, groups, parts));
      }),
      { numRuns: 40 },
    );
  });

  test("in the list's own order gives the original's parts, each in the order of a walk", () => {
    const space = committedSpace('fashion');
    const subnets = parseSubnetList(space, configText('subnets/fashion-ground-truth.txt'), 'x').map(
      ({ subnet }) => subnet,
    );
    const cut = cutSet({ space, supernet: { groups: 1 }, cut: 'original', parts: 4 }, subnets.slice(0, 10));
    expect(cut.map((part) => part.toSorted((a, b) => a - b))).toEqual([
      [0, 1],
      [2, 3, 4],
      [5, 6],
      [7, 8, 9],
    ]);
    expect(cut[3]).toEqual(plainWalk(space, subnets.slice(7, 10), 1).map((at) => 7 + at));
  });
});

describe("the competition's 45,000 subnets", () => {
  const space = committedSpace('imagenet');
  const subnets = parseSubnetList(space, configText('subnets/cvpr2022-track1.txt'), 'x').map(({ subnet }) => subnet);
  const alone = subnets.map((subnet) => macs(space, subnet, 224));
  const shared = (list: readonly number[]): number =>
    sharedMacs(
      space,
      list.map((at) => subnets[at]!),
      1,
      224,
    );
  const ofAll = shared([...subnets.keys()]);

  test('need 1.87 times fewer MACs as a tree', () => {
    expect(Math.abs(sum(alone) / ofAll - 1.87)).toBeLessThan(0.03);
  });

  test.runIf(isLong)('need 1.95 times fewer where siblings share too', () => {
    expect(Math.abs(sum(alone) / siblingSharedMacs(space, subnets, 1, 224) - 1.95)).toBeLessThan(0.03);
  });

  test('share 1.72 times in the first sorted eighth', () => {
    const eighth = walk(space, subnets, 1)
      .slice(0, 5625)
      .map(({ subnet }) => subnet);
    expect(Math.abs(sum(eighth.map((at) => alone[at]!)) / shared(eighth) - 1.72)).toBeLessThan(0.03);
  });

  test('cut into eight lose next to nothing, and the parts cost the same', () => {
    const loads = cutOf(space, subnets, 1, 8).map(shared);
    expect(sum(loads) / ofAll).toBeLessThan(1.001);
    expect(Math.max(...loads) / Math.min(...loads)).toBeLessThan(1.001);
  });
});
