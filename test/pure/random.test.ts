import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomOf } from '../../nas/space/random.ts';

const draws = (...from: Parameters<typeof randomOf>): number[] => {
  const random = randomOf(...from);
  return Array.from({ length: 4 }, () => random.integer(1_000_000));
};

describe('random numbers', () => {
  test('are a function of seed and labels', () => {
    expect(draws(7, 'order', 3)).toEqual(draws(7, 'order', 3));
    const others = [
      draws(8, 'order', 3),
      draws(7, 'order', 4),
      draws(7, 'dropout', 3),
      draws(7, 'order', '3'),
      draws(7),
    ];
    for (const other of others) expect(other).not.toEqual(draws(7, 'order', 3));
    expect(draws(7, 'ab', 'c')).not.toEqual(draws(7, 'a', 'bc'));
  });

  // Checkpoints of older releases go on with these very numbers.
  test('never change between releases', () => {
    expect(draws(1, 'pinned', 2)).toMatchInlineSnapshot(`
      [
        348005,
        263025,
        495754,
        499156,
      ]
    `);
  });

  test('of neighbouring labels are independent', () => {
    const firsts = Array.from({ length: 4000 }, (_, step) => randomOf(0, 'step', step).uniform());
    const mean = firsts.reduce((sum, value) => sum + value, 0) / firsts.length;
    const lagged =
      firsts.slice(1).reduce((sum, value, index) => sum + (value - 0.5) * (firsts[index]! - 0.5), 0) / 3999;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.02);
    expect(Math.abs(lagged * 12)).toBeLessThan(0.06);
  });

  test('shuffle into a permutation', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.integer(), (n, seed) => {
        expect(Array.from(randomOf(seed, 'shuffle').shuffle(n)).toSorted((a, b) => a - b)).toEqual([
          ...Array(n).keys(),
        ]);
      }),
    );
  });

  test('shuffle into every permutation equally often, and go on behind it', () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 6000; seed++) {
      const order = randomOf(seed, 'shuffle').shuffle(3).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
    const random = randomOf(1, 'pinned');
    expect([...random.shuffle(6), random.integer(1_000_000)]).toMatchInlineSnapshot(`
      [
        0,
        3,
        4,
        2,
        5,
        1,
        362529,
      ]
    `);
  });

  test('are normal with mean 0 and deviation 1 where asked', () => {
    const random = randomOf(2, 'normal');
    const values = Array.from({ length: 20_000 }, () => random.normal());
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.04);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  test('pick from a list, not from an empty one', () => {
    const random = randomOf(3);
    expect(new Set(Array.from({ length: 50 }, () => random.pick(['a', 'b', 'c'])))).toEqual(new Set(['a', 'b', 'c']));
    expect(() => random.pick([])).toThrow('expected a list with an element');
  });
});
