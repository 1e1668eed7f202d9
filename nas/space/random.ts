import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

export interface Random {
  /** In [0, 1), 53 bits. */
  uniform(): number;
  /** In 0..n-1. */
  integer(n: number): number;
  pick<T>(list: readonly T[]): T;
  /** Standard normal. */
  normal(): number;
  /** A permutation of 0..n-1. */
  shuffle(n: number): Int32Array;
}

/**
 * A fresh generator as a pure function of its arguments, so that no generator state is ever saved:
 * `randomOf(seed, 'order', epoch)` gives the same numbers before and after a crash.
 * Labels are told apart by type: 1 and '1' give different generators.
 */
export function randomOf(seed: number, ...labels: readonly (string | number)[]): Random {
  const text = JSON.stringify([seed, ...labels]);
  const generator = xoroshiro128plusFromState(MULTIPLIERS.map((multiplier) => hash(text, multiplier)));
  const uniform = (): number => uniformFloat64(generator);
  const integer = (n: number): number => uniformInt(generator, 0, n - 1);
  return {
    uniform,
    integer,
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new RangeError('random pick: expected a list with an element, got an empty one');
      return list[integer(list.length)]!;
    },
    // Box-Muller; 1 - u keeps the logarithm finite.
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    shuffle(n) {
      const order = Int32Array.from({ length: n }, (_, index) => index);
      for (let last = n - 1; last > 0; last--) {
        const other = integer(last + 1);
        const moved = order[last]!;
        order[last] = order[other]!;
        order[other] = moved;
      }
      return order;
    },
  };
}

// One word of the generator's state each: odd, so that every step of the hash is a bijection.
const MULTIPLIERS = [0x01000193, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f];

function hash(text: string, multiplier: number): number {
  let word = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) word = Math.imul(word ^ text.charCodeAt(i), multiplier);
  // Without a last mixing, texts that differ in their end only would give neighbouring words.
  word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
  word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
  return word ^ (word >>> 15);
}
