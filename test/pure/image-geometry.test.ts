import { expect, test } from 'vitest';
import { isHeightFirst } from '../../nas/data/images/geometry.ts';

const axis = (size: number, resized: number) => ({ size, resized, from: 0, count: resized, mirrored: false });
const first = (width: [number, number], height: [number, number]): boolean =>
  isHeightFirst(axis(...width), axis(...height));

test('height is resized first where it shrinks by more than twice as many pixels as width, which may also grow', () => {
  expect(first([100, 90], [100, 79])).toBe(true);
  expect(first([100, 90], [100, 80])).toBe(false);
  expect(first([100, 120], [100, 99])).toBe(true);
  expect(first([100, 120], [100, 100])).toBe(false);
  expect(first([100, 120], [100, 130])).toBe(false);
});
