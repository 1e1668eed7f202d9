import { expect, test } from 'vitest';
import { evaluatedPositions } from '../../nas/evaluation/predictor/predictor.ts';
import { originalFolder } from '../../nas/evaluation/ranking.ts';
import { cutSet, readSubnets, sampledSubnets, shareOut, wrongSubnets } from '../../nas/evaluation/subnet-set.ts';
import { sharedMacs, walkCosts } from '../../nas/evaluation/walk/prefix-tree.ts';
import { formatArchCode } from '../../nas/space/arch-code.ts';
import { stratifiedArchitectures } from '../../nas/space/sampling.ts';
import { committedSpace } from '../support/spaces.ts';

const space = committedSpace('fashion');
/** It has one subnet. */
const tiny = { ...space, stages: [{ base: 4, stride: 1 as const, depth: [1, 1] as const }], ratios: [1] };
const supernet = { file: 'quick/6_from_5/0.7_4.safetensors', sha256: 'a'.repeat(64), epoch: 4, groups: 6 };

test.for(['stratified', 'random'] as const)('a %s sample is a pure function of its seed, each network once', (way) => {
  const subnets = sampledSubnets(space, { count: 200, seed: 1, way });
  expect(sampledSubnets(space, { count: 200, seed: 1, way })).toEqual(subnets);
  expect(sampledSubnets(space, { count: 200, seed: 2, way })).not.toEqual(subnets);
  expect(new Set(subnets.map(({ subnet }) => JSON.stringify(subnet))).size).toBe(200);
  expect(subnets.at(-1)!.id).toBe('arch200');
});

test('more subnets than the space has are refused', () => {
  expect(() => sampledSubnets(tiny, { count: 2, seed: 1, way: 'random' })).toThrow(
    'expected 2 different subnets, got 1',
  );
});

test.for(['tree', 'original'] as const)('the %s cut gives every subnet to one part', (cut) => {
  const subnets = sampledSubnets(space, { count: 203, seed: 1, way: 'random' }).map(({ subnet }) => subnet);
  const parts = cutSet({ space, supernet, cut, parts: 8 }, subnets);
  expect(parts).toHaveLength(8);
  expect(parts.flat().toSorted((a, b) => a - b)).toEqual([...subnets.keys()]);
  if (cut === 'tree') return;
  for (const [part, positions] of parts.entries()) {
    expect(Math.min(...positions)).toBe(Math.floor((203 * part) / 8));
    expect(Math.max(...positions)).toBe(Math.floor((203 * (part + 1)) / 8) - 1);
  }
});

test('the tree cut makes the dearest part as cheap as contiguous parts of a walk can be', () => {
  const subnets = sampledSubnets(space, { count: 40, seed: 3, way: 'random' }).map(({ subnet }) => subnet);
  const costs = walkCosts(space, subnets, 6, 28);
  /** The cost of walking from one place of the walk to before another. */
  const costOf = (from: number, to: number): number =>
    costs.slice(from, to).reduce((sum, { added, alone }, at) => sum + (at === 0 ? alone : added), 0);
  for (const parts of [1, 3, 7, 40]) {
    // The least that the dearest of so many parts can cost, by the places where the first ones end.
    let least = costs.map((_, at) => costOf(0, at + 1));
    for (let part = 2; part <= parts; part++) {
      const before = least;
      least = costs.map((_, at) =>
        Math.min(...before.slice(0, at).map((most, end) => Math.max(most, costOf(end + 1, at + 1))), Infinity),
      );
    }
    const cut = cutSet({ space, supernet, cut: 'tree', parts }, subnets);
    expect(cut.flat()).toEqual(costs.map(({ subnet }) => subnet));
    const ends = cut.map((_, part) => cut.slice(0, part + 1).flat().length);
    const dearest = Math.max(...ends.map((end, part) => costOf(ends[part - 1] ?? 0, end)));
    expect([cut.length, dearest]).toEqual([parts, least.at(-1)]);
  }
});

test('a part is in the order of a walk, so that its chunks share most', () => {
  const subnets = sampledSubnets(space, { count: 300, seed: 1, way: 'random' }).map(({ subnet }) => subnet);
  const [part] = cutSet({ space, supernet, cut: 'original', parts: 1 }, subnets);
  const cost = (order: readonly number[]): number => {
    const chunks = Array.from({ length: 10 }, (_, i) => order.slice(30 * i, 30 * i + 30));
    return chunks.reduce(
      (sum, chunk) =>
        sum +
        sharedMacs(
          space,
          chunk.map((i) => subnets[i]!),
          6,
          28,
        ),
      0,
    );
  };
  expect(cost(part!)).toBeLessThan(cost([...subnets.keys()]));
});

test('more parts than subnets are refused', () => {
  const subnets = sampledSubnets(space, { count: 3, seed: 1, way: 'random' }).map(({ subnet }) => subnet);
  expect(() => cutSet({ space, supernet, cut: 'tree', parts: 4 }, subnets)).toThrow(
    'with.parts: expected at most as many as there are subnets (3), got 4; lower parts',
  );
});

const wrongOf = (own: { parts?: number; count?: number; of?: typeof space }, listed = 0) => {
  const { parts = 1, count, of = space } = own;
  const subnets =
    count === undefined
      ? { file: 'list.txt', sha256: 'a'.repeat(64) }
      : { sample: { count, seed: 1, way: 'random' as const } };
  return wrongSubnets({ space: of, parts, subnets }, Array.from({ length: listed }));
};

test('what a config asks for in vain is said by its key, before anything starts', () => {
  expect(wrongOf({ parts: 4 }, 3)).toEqual([
    { key: 'parts', message: 'expected at most as many parts as subnets (3), got 4; lower parts' },
  ]);
  expect(wrongOf({ parts: 3 }, 3)).toEqual([]);
  // Of a list that only the run makes nothing is known yet.
  expect(wrongOf({ parts: 4 }, 0)).toEqual([]);
  expect(wrongOf({ count: 3 })).toEqual([]);
  expect(wrongOf({ count: 50_001 })).toEqual([
    { key: 'subnets', message: 'expected a sample of at most 50000, got 50001; lower count' },
  ]);
  expect(wrongOf({ count: 2, of: tiny })).toEqual([
    {
      key: 'subnets',
      message: `expected fewer different subnets than the space ${space.name} has, got 2; lower count`,
    },
  ]);
});

test('a sample is read as it is drawn, each way its own', async () => {
  const drawn = { count: 30, seed: 4, way: 'stratified' as const };
  const read = await readSubnets(space, { sample: drawn });
  expect(read).toEqual(sampledSubnets(space, drawn));
  expect(read).not.toEqual(sampledSubnets(space, { ...drawn, way: 'random' }));
  expect(read.map(({ code }) => code)).toEqual(
    stratifiedArchitectures(space, 30, 4).map((architecture) => formatArchCode(space, architecture)),
  );
});

test('a list that changed after the plan was made is refused', async () => {
  const source = { file: 'configs/subnets/cvpr2022-track1.txt', sha256: '0'.repeat(64) };
  await expect(readSubnets(committedSpace('imagenet'), source)).rejects.toThrow(
    /expected sha256 0000.*start a new run/,
  );
});

const tree = { cut: 'tree' as const, space };

test('a budget shares out what is evaluated, and lists the others: every subnet in exactly one part', () => {
  const subnets = sampledSubnets(space, { count: 101, seed: 1, way: 'random' }).map(({ subnet }) => subnet);
  const shares = shareOut({ ...tree, supernet, parts: 8, budget: 20 }, subnets);
  const evaluated = shares.flatMap((share) => share.evaluated);
  expect(evaluated.toSorted((a, b) => a - b)).toEqual(evaluatedPositions(space, subnets, 20));
  expect([...evaluated, ...shares.flatMap(({ listed }) => listed)].toSorted((a, b) => a - b)).toEqual([
    ...subnets.keys(),
  ]);
  expect(shares.map(({ listed }) => listed.length)).toEqual([10, 10, 10, 10, 10, 10, 10, 11]);
  const all = shareOut({ ...tree, supernet, parts: 8, budget: null }, subnets);
  expect(all.every(({ listed }) => listed.length === 0)).toBe(true);
});

test('the original puts a ranking below the stage of its supernet', () => {
  expect(originalFolder({ supernet, test_set: 0 })).toBe('6_from_5/json_results/epoch4');
  expect(originalFolder({ supernet, test_set: 1 })).toBe('6_from_5/json_results/epoch4_all_test');
});
