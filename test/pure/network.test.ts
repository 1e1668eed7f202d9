import { describe, expect, test } from 'vitest';
import { supernetParameterCount } from '../../nas/space/cost.ts';
import { parameterLayout } from '../../nas/space/layout.ts';
import { convNormsOf, hasShortcut, layersOf, mapSize, networkOf, pass } from '../../nas/space/network.ts';
import type { ConvNorm, Steps } from '../../nas/space/network.ts';
import type { Space } from '../../nas/space/space.ts';

// Two stages: a block with the identity, one that is wider than what enters it, one that halves the map.
const space: Space = {
  name: 'tiny',
  channels: 3,
  resolutions: [9],
  stem: { kernel: 3, stride: 2, pool: false, base: 2 },
  stages: [
    { base: 4, stride: 1, depth: [2, 2] },
    { base: 4, stride: 2, depth: [1, 2] },
  ],
  ratios: [1, 0.5],
  divisor: 1,
};
const subnet = {
  stem: 2,
  stages: [
    [
      { mid: 3, out: 2 },
      { mid: 2, out: 4 },
    ],
    [{ mid: 1, out: 4 }],
  ],
};

const layerText = ({ role, stage, group, block, in: input, out, kernel, stride, reduction }: ConvNorm): string =>
  `${role} ${stage}.${group}.${block} ${input}→${out} ${kernel}×${kernel}/${stride} 1:${reduction}`;

/** The convolutions of a block of the second stage's widths, by its place. */
const blockShapes = (place: string, input: number, out: number): string[] => [
  `blocks.${place}.conv1 4×${input}×3×3`,
  `blocks.${place}.conv2 ${out}×4×3×3`,
  `blocks.${place}.short_conv ${out}×${input}×1×1`,
];

/** A pass through a network of the space in words, and the values that no later step reads. */
function inWords(changes: Partial<Space> = {}): { result: string; done: string[] } {
  const done: string[] = [];
  const steps: Steps<string> = {
    convNorm: (x, { role, block }) => `${role}${block}(${x})`,
    activate: (x, activation) => `${activation}(${x})`,
    maxPool: (x) => `pool(${x})`,
    add: (branch, shortcut) => `[${branch} + ${shortcut}]`,
    classify: (x) => `classes(${x})`,
    done: (x) => void done.push(x),
  };
  return { result: pass(networkOf({ ...space, ...changes }, subnet, 5), steps, 'images'), done };
}

/** The values that steps make, by the plainest way there is: written down. */
function plain(activation: string, pooled: boolean): { result: string; made: string[] } {
  const made: string[] = [];
  const keep = (x: string): string => (made.push(x), x);
  let x = keep(`relu(${keep('stem0(images)')})`);
  if (pooled) x = keep(`pool(${x})`);
  for (const [block, shortcut] of [
    [0, false],
    [1, true],
    [0, true],
  ] as const) {
    const inner = keep(`relu(${keep(`conv1${block}(${x})`)})`);
    const branch = keep(`conv2${block}(${inner})`);
    const beside = shortcut ? keep(`shortcut${block}(${x})`) : x;
    x = keep(`${activation}(${keep(`[${branch} + ${beside}]`)})`);
  }
  return { result: `classes(${x})`, made };
}

describe('the network of a subnet', () => {
  test('is its layers in order, each with its place in the supernet, its widths, stride and reduction', () => {
    const network = networkOf(space, subnet, 5, [1, 2]);
    expect(convNormsOf(network).map(layerText)).toEqual([
      'stem -1.0.0 3→2 3×3/2 1:2',
      'conv1 0.1.0 2→3 3×3/1 1:2',
      'conv2 0.1.0 3→2 3×3/1 1:2',
      'conv1 0.1.1 2→2 3×3/1 1:2',
      'conv2 0.1.1 2→4 3×3/1 1:2',
      'shortcut 0.1.1 2→4 1×1/1 1:2',
      'conv1 1.2.0 4→1 3×3/2 1:4',
      'conv2 1.2.0 1→4 3×3/1 1:4',
      'shortcut 1.2.0 4→4 1×1/2 1:4',
    ]);
    expect(layersOf(network)).toEqual([...convNormsOf(network), network.classifier]);
    expect(network.classifier).toEqual({ role: 'classifier', stage: 2, group: 2, block: 0, in: 4, out: 5 });
    expect(networkOf(space, subnet, 5).blocks.map(({ group }) => group)).toEqual([0, 0, 0]);
  });

  test('has a convolution beside a block that changes width or map, and the identity elsewhere', () => {
    expect(hasShortcut({ in: 4, out: 4, stride: 1 })).toBe(false);
    expect(hasShortcut({ in: 4, out: 2, stride: 1 })).toBe(true);
    expect(hasShortcut({ in: 4, out: 4, stride: 2 })).toBe(true);
  });

  test('gives maps whose sides are rounded up at each stride', () => {
    expect([1, 2, 4, 8, 16].map((reduction) => mapSize(9, { reduction }))).toEqual([9, 5, 3, 2, 1]);
    const pooled = networkOf({ ...space, stem: { ...space.stem, pool: true } }, subnet, 5);
    expect(pooled.blocks.map(({ reduction }) => reduction)).toEqual([4, 4, 8]);
  });

  test.each([
    [{}, 'relu', false],
    [{ activation: 'mish' }, 'mish', false],
    [{ stem: { ...space.stem, pool: true } }, 'relu', true],
  ] as const)(
    'is passed step by step, and each value ends once no step reads it (%o)',
    (changes, activation, pooled) => {
      const { result, done } = inWords(changes);
      const { result: expected, made } = plain(activation, pooled);
      expect(result).toBe(expected);
      expect(new Set(done)).toEqual(new Set(made));
      expect(done).not.toContain('images');
    },
  );
});

describe('the layers of a supernet', () => {
  test('keep the shortcut of every block, enter a stage at the full width of the one before, and end at their groups', () => {
    const shapes = parameterLayout(space, 2, 5)
      .filter(({ kind }) => kind === 'conv' || kind === 'linear')
      .map(({ name, shape }) => `${name.replace(/(\.conv|\.linear\.linear)\.weight$/, '')} ${shape.join('×')}`);
    expect(shapes).toEqual([
      'first_conv.conv 2×3×3×3',
      ...blockShapes('0.0.0', 2, 2),
      ...blockShapes('0.0.1', 2, 2),
      ...blockShapes('0.1.0', 2, 4),
      ...blockShapes('0.1.1', 4, 4),
      ...blockShapes('1.0.0', 4, 2),
      ...blockShapes('1.0.1', 2, 2),
      ...blockShapes('1.1.0', 4, 4),
      ...blockShapes('1.1.1', 4, 4),
      'classifier_groups.0 5×2',
      'classifier_groups.1 5×4',
    ]);
    expect(supernetParameterCount(space, 1, 5)).toBeLessThan(supernetParameterCount(space, 2, 5));
  });
});
