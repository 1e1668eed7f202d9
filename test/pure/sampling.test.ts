import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatArchCode, parseArchCode } from '../../nas/space/arch-code.ts';
import { parameterCount } from '../../nas/space/cost.ts';
import { randomOf } from '../../nas/space/random.ts';
import {
  archCodes,
  fairArchitectures,
  maxArchitecture,
  minArchitecture,
  randomArchitecture,
  randomResolution,
  stratifiedArchitectures,
} from '../../nas/space/sampling.ts';
import { depthOf, subnetOf } from '../../nas/space/space.ts';
import type { Architecture, Space } from '../../nas/space/space.ts';
import { anySpace, committedSpace } from '../support/spaces.ts';

const imagenet = committedSpace('imagenet');
const fashion = committedSpace('fashion');

/** In the space, with one out code a stage and the stem's in stage 1. */
function expectMember(space: Space, architecture: Architecture): void {
  expect(parseArchCode(space, formatArchCode(space, architecture))).toEqual(architecture);
  const outs = architecture.stages.map((blocks) => new Set(blocks.map(({ out }) => out)));
  expect(outs.map((codes) => codes.size)).toEqual(space.stages.map(() => 1));
  expect(outs[0]).toEqual(new Set([architecture.stem]));
}

const sorted = (values: number[]): number[] => values.toSorted((a, b) => a - b);

/** Standard deviation of the log parameters. */
const spread = (list: Architecture[]): number => {
  const sizes = list.map((net) => Math.log(parameterCount(fashion, subnetOf(fashion, net), 10)));
  const mean = sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
  return Math.sqrt(sizes.reduce((sum, size) => sum + (size - mean) ** 2, 0) / sizes.length);
};

const stratified = (): Architecture[] => stratifiedArchitectures(fashion, 210, 5);

describe('sampling', () => {
  test('has the widest deepest net and the narrowest shallowest one as its ends', () => {
    const full = '11111111111';
    expect(formatArchCode(imagenet, maxArchitecture(imagenet))).toBe(`155851${full.repeat(5).slice(0, 46)}`);
    expect(formatArchCode(imagenet, minArchitecture(imagenet))).toBe(
      `12222777770000007777000000${'7777'.padEnd(16, '0')}7777000000`,
    );
  });

  test('draws members of the space only', () => {
    fc.assert(
      fc.property(anySpace, fc.integer(), (space, seed) => {
        const random = randomOf(seed, 'test');
        expectMember(space, randomArchitecture(space, random));
        for (const architecture of fairArchitectures(space, random)) expectMember(space, architecture);
      }),
    );
  });

  test('draws every depth and every code', () => {
    const random = randomOf(1, 'test');
    const drawn = Array.from({ length: 400 }, () => randomArchitecture(imagenet, random));
    expect(new Set(drawn.map(({ stem }) => stem)).size).toBe(7);
    expect(new Set(drawn.map(({ stages }) => stages[2]!.length))).toEqual(new Set([2, 3, 4, 5, 6, 7, 8]));
    expect(new Set(drawn.map(({ stages }) => stages[3]![1]!.mid)).size).toBe(7);
    expect(new Set(drawn.map(({ stages }) => stages[1]![0]!.out)).size).toBe(7);
  });

  test('draws every resolution of the space to train at, and no other', () => {
    const random = randomOf(1, 'test');
    const drawn = Array.from({ length: 100 }, () => randomResolution(imagenet, random));
    expect(new Set(drawn)).toEqual(new Set(imagenet.resolutions));
  });

  test('gives every choice each code once in a fair group, and each depth as evenly as seven allow', () => {
    const nets = fairArchitectures(imagenet, randomOf(3, 'test'));
    const once = [1, 2, 3, 4, 5, 6, 7];
    expect(nets).toHaveLength(7);
    expect(sorted(nets.map(({ stem }) => stem))).toEqual(once);
    for (const stage of [0, 1, 2, 3]) {
      expect(sorted(nets.map(({ stages }) => stages[stage]![0]!.out))).toEqual(once);
      for (const block of [0, 1]) expect(sorted(nets.map(({ stages }) => stages[stage]![block]!.mid))).toEqual(once);
    }
    expect(sorted(nets.map(({ stages }) => stages[2]!.length))).toEqual([2, 3, 4, 5, 6, 7, 8]);
    const depths = nets.map(({ stages }) => stages[0]!.length);
    for (const depth of [2, 3, 4, 5]) expect(depths.filter((value) => value === depth).length).toBeLessThanOrEqual(2);
  });
});

describe('stratified sampling', () => {
  test('gives as many different subnets as asked for, members of the space', () => {
    const nets = stratified();
    expect(new Set(nets.map((net) => JSON.stringify(subnetOf(fashion, net)))).size).toBe(210);
    expect(new Set(archCodes(fashion, nets)).size).toBe(210);
    for (const net of nets) expectMember(fashion, net);
  });

  test('keeps all codes of a net within one step of its level, levels taking turns', () => {
    stratified().forEach(({ stem, stages }, index) => {
      const level = 1 + (index % 7);
      const codes = [stem, ...stages.flat().flatMap(({ mid, out }) => [mid, out])];
      for (const code of codes) expect(Math.abs(code - level)).toBeLessThanOrEqual(1);
    });
  });

  test('reaches both neighbours of its level, and its nets are those that it has always given', () => {
    const nets = stratified();
    const steps = nets.flatMap(({ stages }, index) => stages.flat().map(({ mid }) => mid - 1 - (index % 7)));
    for (const step of [-1, 0, 1]) expect(steps.filter((one) => one === step).length).toBeGreaterThan(steps.length / 5);
    // What was trained and measured of them holds for these nets alone.
    expect(archCodes(fashion, nets.slice(0, 3))).toEqual([
      '1246311111000000111111110011112121211100001111210000',
      '1554331333332313222232323212321222000000003212120000',
      '1453322242224200422222224242424200000000004242420000',
    ]);
  });

  test('spreads sizes several times further than random sampling does', () => {
    const random = randomOf(5, 'test');
    const plain = Array.from({ length: 210 }, () => randomArchitecture(fashion, random));
    expect(spread(stratified())).toBeGreaterThan(1.5 * spread(plain));
  });

  test('is a function of its seed, and a shorter list is the beginning of a longer one', () => {
    const nets = stratified();
    expect(stratifiedArchitectures(fashion, 30, 5)).toEqual(nets.slice(0, 30));
    expect(stratifiedArchitectures(fashion, 30, 6)).not.toEqual(nets.slice(0, 30));
    expect(new Set(nets.map(depthOf)).size).toBeGreaterThan(8);
    // Where two codes stand for one width, too: of one subnet the codes that were drawn first are kept.
    const stages = [{ base: 4, stride: 1 as const, depth: [1, 2] as const }];
    const few = { ...fashion, ratios: [1, 0.75, 0.7, 0.5], stages };
    for (let seed = 0; seed < 10; seed++)
      expect(stratifiedArchitectures(few, 4, seed)).toEqual(stratifiedArchitectures(few, 8, seed).slice(0, 4));
  });

  test('says so where the space has not so many subnets', () => {
    const stages = [{ base: 4, stride: 1 as const, depth: [1, 2] as const }];
    const tiny = { ...fashion, ratios: [1, 0.5], stages };
    expect(() => stratifiedArchitectures(tiny, 100, 1)).toThrow(
      /space fashion: expected 100 different subnets, got \d+; ask for fewer/,
    );
  });
});
