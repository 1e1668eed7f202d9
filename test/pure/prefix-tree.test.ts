import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blockMacs, macs, outputSize, stemMacs, stemOutput } from '../../nas/space/cost.ts';
import { groupMaxima, stageGroups } from '../../nas/space/layout.ts';
import {
  cutInOrder,
  cutTree,
  prefixTree,
  sharedMacs,
  siblingSharedMacs,
  walkOrder,
} from '../../nas/space/prefix-tree.ts';
import type { BlockNode } from '../../nas/space/prefix-tree.ts';
import { placedBlocks, subnetOf } from '../../nas/space/space.ts';
import type { Block, Space, Subnet } from '../../nas/space/space.ts';
import { parseSubnetList } from '../../nas/space/subnet-list.ts';
import { anyArchitectures, committedSpace, configText } from '../support/spaces.ts';

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Shared MACs without a tree: every different beginning of a subnet counts once. */
function plainSharedMacs(space: Space, subnets: readonly Subnet[], groups: number, resolution: number): number {
  const maxima = groupMaxima(space, groups);
  const beginnings = new Map<string, number>();
  for (const subnet of subnets) {
    const place = stageGroups(maxima, subnet);
    let size = stemOutput(space, resolution);
    let beginning = `${subnet.stem}`;
    beginnings.set(beginning, stemMacs(space, subnet.stem, resolution));
    for (const block of placedBlocks(space, subnet)) {
      beginning += ` ${block.stage} ${place[block.stage]} ${block.mid} ${block.out}`;
      beginnings.set(beginning, blockMacs(block, size));
      size = outputSize(size, block.stride);
    }
  }
  return sum([...beginnings.values()]);
}

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

const anySubnets = anyArchitectures({ minLength: 1, maxLength: 40 }).map(({ space, architectures }) => ({
  space,
  subnets: architectures.map((architecture) => subnetOf(space, architecture)),
}));

describe('the prefix tree', () => {
  test('leads to every subnet once, by a path that is the subnet', () => {
    fc.assert(
      fc.property(anySubnets, fc.integer({ min: 1, max: 9 }), ({ space, subnets }, k) => {
        const groups = Math.min(k, space.ratios.length);
        const paths = pathsOf(space, subnets, groups);
        expect(paths.map(({ subnet }) => subnet).toSorted((a, b) => a - b)).toEqual([...subnets.keys()]);
        for (const { subnet, path, stem } of paths) {
          const place = stageGroups(groupMaxima(space, groups), subnets[subnet]!);
          expect(stem).toBe(subnets[subnet]!.stem);
          expect(path).toMatchObject(
            placedBlocks(space, subnets[subnet]!).map((block) => ({ ...block, group: place[block.stage] })),
          );
        }
      }),
    );
  });

  test('shares every common beginning, and nothing else', () => {
    fc.assert(
      fc.property(anySubnets, fc.integer({ min: 1, max: 9 }), ({ space, subnets }, k) => {
        const groups = Math.min(k, space.ratios.length);
        expect(sharedMacs(prefixTree(space, subnets, groups), 28)).toBe(plainSharedMacs(space, subnets, groups, 28));
      }),
    );
  });

  test('does not depend on the order of the subnets', () => {
    fc.assert(
      fc.property(anySubnets, ({ space, subnets }) => {
        const reversed = subnets.toReversed();
        const codes = (list: readonly Subnet[]): string[] =>
          walkOrder(prefixTree(space, list)).map((at) => JSON.stringify(list[at]));
        expect(codes(reversed)).toEqual(codes(subnets));
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

describe('cutting', () => {
  test('puts every subnet into exactly one part, in walk order, none empty', () => {
    fc.assert(
      fc.property(anySubnets, fc.integer({ min: 1, max: 9 }), ({ space, subnets }, wish) => {
        const parts = Math.min(wish, subnets.length);
        const tree = prefixTree(space, subnets);
        const cut = cutTree(tree, parts, 28);
        expect(cut).toHaveLength(parts);
        expect(cut.flat()).toEqual(walkOrder(tree));
        expect(cut.every((part) => part.length > 0)).toBe(true);
      }),
    );
  });

  test('loses a path a cut at most, and balances what is left', () => {
    fc.assert(
      fc.property(anySubnets, fc.integer({ min: 1, max: 9 }), ({ space, subnets }, wish) => {
        const parts = Math.min(wish, subnets.length);
        const whole = sharedMacs(prefixTree(space, subnets), 28);
        const dearest = Math.max(...subnets.map((subnet) => macs(space, subnet, 28)));
        const loads = cutTree(prefixTree(space, subnets), parts, 28).map((part) =>
          sharedMacs(
            prefixTree(
              space,
              part.map((at) => subnets[at]!),
            ),
            28,
          ),
        );
        expect(sum(loads)).toBeLessThanOrEqual(whole + (parts - 1) * dearest);
        expect(Math.max(...loads)).toBeLessThanOrEqual(whole / parts + 2 * dearest);
      }),
    );
  });

  test("in the list's own order gives the original's eighths", () => {
    const cut = cutInOrder(45_000, 8);
    expect(cut.map((part) => part.length)).toEqual(Array(8).fill(5625));
    expect([cut[0]![0], cut[1]![0], cut[7]!.at(-1)]).toEqual([0, 5625, 44_999]);
    expect(cutInOrder(10, 4).map((part) => part.length)).toEqual([2, 3, 2, 3]);
  });

  test('refuses more parts than subnets', () => {
    expect(() => cutInOrder(3, 4)).toThrow('parts: expected an integer 1..3 (the number of subnets), got 4');
  });
});

describe("the competition's 45,000 subnets", () => {
  const space = committedSpace('imagenet');
  const subnets = parseSubnetList(space, configText('subnets/cvpr2022-track1.txt'), 'x').map(({ subnet }) => subnet);
  const alone = subnets.map((subnet) => macs(space, subnet, 224));
  const tree = prefixTree(space, subnets);
  const sharing = (list: readonly number[]): number =>
    sum(list.map((at) => alone[at]!)) /
    sharedMacs(
      prefixTree(
        space,
        list.map((at) => subnets[at]!),
      ),
      224,
    );

  test('need 1.87 times fewer MACs as a tree, 1.95 times where siblings share too', () => {
    expect(Math.abs(sum(alone) / sharedMacs(tree, 224) - 1.87)).toBeLessThan(0.03);
    expect(Math.abs(sum(alone) / siblingSharedMacs(tree, 224) - 1.95)).toBeLessThan(0.03);
  });

  test('share 1.72 times in the first sorted eighth', () => {
    expect(Math.abs(sharing(walkOrder(tree).slice(0, 5625)) - 1.72)).toBeLessThan(0.03);
  });

  test('cut into eight lose next to nothing, and the parts cost the same', () => {
    const loads = cutTree(tree, 8, 224).map((part) =>
      sharedMacs(
        prefixTree(
          space,
          part.map((at) => subnets[at]!),
        ),
        224,
      ),
    );
    expect(sum(loads) / sharedMacs(tree, 224)).toBeLessThan(1.001);
    expect(Math.max(...loads) / Math.min(...loads)).toBeLessThan(1.001);
  });
});
