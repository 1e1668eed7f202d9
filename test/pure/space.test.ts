import { describe, expect, test } from 'vitest';
import { parseArchCode } from '../../nas/space/arch-code.ts';
import { hasShortcut, residualBlocks } from '../../nas/space/network.ts';
import { depthOf, spaceAround, STEM, subnetOf, widthOf, widths } from '../../nas/space/space.ts';
import type { Space, Subnet } from '../../nas/space/space.ts';
import { committedSpace } from '../support/spaces.ts';

/** Not before a test runs: reading a space asks for its widths. */
const imagenet = (): Space => committedSpace('imagenet');
const decoded = (): Subnet =>
  subnetOf(imagenet(), parseArchCode(imagenet(), '1252233313000000223212122253130000000000006515000000'));

const allWidths = (name: string): string[] =>
  [STEM, 0, 1, 2, 3].map((stage) => widths(committedSpace(name), stage).join(' '));

describe('the widths of a space', () => {
  test('are those of the competition for ImageNet', () => {
    expect(allWidths('imagenet')).toEqual([
      '48 56 64',
      '48 56 64',
      '88 96 104 112 120 128',
      '176 192 208 216 232 240 256',
      '360 384 408 432 464 488 512',
    ]);
  });

  test('are those its file states for the small spaces', () => {
    expect(allWidths('fashion')).toEqual(['1 2 3 4', '1 2 3 4', '2 3 4 5 6', '2 3 4 6 7 8', '3 4 5 7 8 10 12']);
    expect(allWidths('fashion-wide')).toEqual([
      '11 12 13 14 15 16',
      '11 12 13 14 15 16',
      '22 24 26 27 29 30 32',
      '45 48 51 54 58 61 64',
      '90 96 102 109 115 122 128',
    ]);
  });

  // Computed once with Python's own round(), for codes 1..7 of stem or stage 1, stages 2, 3, 4.
  test.each([
    [
      'imagenet',
      [
        '64 64 56 56 48 48 48',
        '128 120 112 112 104 96 88',
        '256 240 232 216 208 192 176',
        '512 488 464 432 408 384 360',
      ],
    ],
    ['fashion', ['4 3 3 2 2 1 1', '6 5 4 3 3 2 2', '8 7 6 4 4 3 2', '12 10 8 7 5 4 3']],
    [
      'fashion-wide',
      ['16 15 14 14 13 12 11', '32 30 29 27 26 24 22', '64 61 58 54 51 48 45', '128 122 115 109 102 96 90'],
    ],
  ])('of %s are for every code what Python gives', (name, table) => {
    const space = committedSpace(name);
    const row = (stage: number): string => space.ratios.map((_, index) => widthOf(space, stage, index + 1)).join(' ');
    expect([0, 1, 2, 3].map(row)).toEqual(table);
    expect(row(STEM)).toBe(table[0]);
  });

  test('round halves to the even neighbour, as Python does', () => {
    const space = { ...committedSpace('fashion'), ratios: [1, 0.75, 0.5, 0.25] };
    expect([4, 6, 10, 14].map((base) => widthOf({ ...space, stem: { ...space.stem, base } }, STEM, 4))).toEqual([
      1, 2, 2, 4,
    ]);
    expect([5, 7].map((base) => widthOf({ ...space, stem: { ...space.stem, base } }, STEM, 3))).toEqual([2, 4]);
  });

  test('go one step up where rounding to the divisor would lose more than 10 %', () => {
    const space = { ...imagenet(), ratios: [1] };
    expect([44, 51, 59, 18].map((base) => widthOf({ ...space, stem: { ...space.stem, base } }, STEM, 1))).toEqual([
      48, 48, 56, 24,
    ]);
    // Never nothing; and not where it loses 10 % and no more.
    expect([1, 2].map((base) => widthOf({ ...space, stem: { ...space.stem, base } }, STEM, 1))).toEqual([1, 9]);
    expect(widthOf({ ...space, divisor: 9, stem: { ...space.stem, base: 10 } }, STEM, 1)).toBe(9);
  });

  test('refuse a code or a stage the space does not have', () => {
    expect(() => widthOf(imagenet(), 0, 8)).toThrow('space imagenet: expected a channel code 1..7, got 8');
    expect(() => widthOf(imagenet(), 4, 1)).toThrow('space imagenet: expected a stage -1..3, got 4');
  });
});

describe('a subnet', () => {
  test('has the channels its codes stand for', () => {
    const subnet = decoded();
    expect(subnet.stem).toBe(56);
    expect(subnet.stages[3]).toEqual([
      { mid: 384, out: 408 },
      { mid: 512, out: 408 },
    ]);
  });

  test('has a space around it in which it is the only one, but for mids', () => {
    const subnet = decoded();
    expect(depthOf(subnet)).toBe(11);
    expect(spaceAround(imagenet(), subnet)).toEqual({
      ...imagenet(),
      stem: { ...imagenet().stem, base: 56 },
      stages: [
        { base: 64, stride: 1, depth: [2, 2] },
        { base: 128, stride: 2, depth: [5, 5] },
        { base: 256, stride: 2, depth: [2, 2] },
        { base: 512, stride: 2, depth: [2, 2] },
      ],
      ratios: [1],
      divisor: 1,
    });
  });

  test('knows for each block where it stands, what comes in and where the stride is', () => {
    const blocks = residualBlocks(imagenet(), decoded());
    expect(blocks).toHaveLength(11);
    expect(blocks[0]).toEqual({ stage: 0, group: 0, block: 0, in: 56, mid: 56, out: 56, stride: 1, reduction: 4 });
    expect(blocks[2]).toEqual({ stage: 1, group: 0, block: 0, in: 56, mid: 120, out: 120, stride: 2, reduction: 8 });
    expect(blocks.map(hasShortcut)).toEqual([0, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0].map(Boolean));
  });
});
