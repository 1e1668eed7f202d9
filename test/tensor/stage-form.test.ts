import { expect, test } from 'vitest';
import { formsOf } from '../../nas/evaluation/walk/stage-form.ts';
import type { Space } from '../../nas/space/space.ts';
import { Supernet } from '../../nas/supernet/supernet.ts';
import { isOnGpu } from '../../nas/supernet/tensorflow.ts';
import { tinySpace } from '../support/tiny-supernet.ts';

// Three stages of 256, 256 and 32 channels; the maps of a picture of 64² are 16², 8² and 4² there.
const wide: Space = {
  ...tinySpace,
  stages: [
    { base: 256, stride: 1, depth: [1, 1] },
    { base: 256, stride: 2, depth: [1, 1] },
    { base: 32, stride: 2, depth: [1, 1] },
  ],
};

function layouts(precision: 'float32' | 'bf16', side: number) {
  const net = Supernet.build({ space: wide, classes: 5, groups: 1, seed: 1, precision });
  const { images, stages } = formsOf(net, side);
  net.dispose();
  const dtype = precision === 'bf16' ? 'bfloat16' : 'float32';
  expect(new Set([images, ...stages].map((form) => form.dtype))).toEqual(new Set([dtype]));
  expect(images).toMatchObject({ layout: 'images', size: stages[0]!.size });
  return stages.map(({ layout, size }) => `${size} ${layout}`);
}

test.skipIf(isOnGpu())('wide stages of small maps are filtered, up to 16² in float32 and 4² in bf16', () => {
  expect(layouts('float32', 64)).toEqual(['16 maps', '8 maps', '4 images']);
  expect(layouts('float32', 128)).toEqual(['32 images', '16 maps', '8 images']);
  expect(layouts('bf16', 64)).toEqual(['16 images', '8 images', '4 images']);
  expect(layouts('bf16', 16)).toEqual(['4 maps', '2 maps', '1 images']);
});

test.skipIf(isOnGpu())('a single pixel has nothing to filter', () => {
  expect(layouts('float32', 8)).toEqual(['2 maps', '1 images', '1 images']);
});
