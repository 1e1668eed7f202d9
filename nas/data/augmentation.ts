// Shift and mirror of small one-channel images. Drawn by a hash, not by a generator: 50,000 draws an epoch must cost nothing.
import type { Draw } from './dataset.ts';

/** How one image is moved: its pixels go `right` and `down` (negative: left, up), mirrored first where `flip`. */
export interface Move {
  readonly right: number;
  readonly down: number;
  readonly flip: boolean;
}

/** The move of the image at `position`: shifts uniform in -shift..shift, mirrored half of the time where `flip` allows it. */
export function drawsOf(draw: Draw, position: number, shift: number, flip: boolean): Move {
  const bits = hash(hash(draw.seed, draw.epoch), position);
  const side = 2 * shift + 1;
  return {
    right: (((bits >>> 1) & 0x7fff) % side) - shift,
    down: ((bits >>> 16) % side) - shift,
    flip: flip && (bits & 1) === 1,
  };
}

/** Bytes to floats by table. */
export function copyPlain(source: Uint8Array, floats: Float32Array, target: Float32Array): void {
  for (let i = 0; i < source.length; i++) target[i] = floats[source[i]!]!;
}

/** The moved image, `width` pixels a row, black (byte 0) where nothing came from. */
export function augment(
  source: Uint8Array,
  width: number,
  floats: Float32Array,
  move: Move,
  target: Float32Array,
): void {
  const height = source.length / width;
  const black = floats[0]!;
  for (let y = 0; y < height; y++) {
    const fromY = y - move.down;
    const inside = fromY >= 0 && fromY < height;
    for (let x = 0; x < width; x++) {
      const shifted = x - move.right;
      const fromX = move.flip ? width - 1 - shifted : shifted;
      target[y * width + x] = inside && fromX >= 0 && fromX < width ? floats[source[fromY * width + fromX]!]! : black;
    }
  }
}

// Two rounds of a multiply-xorshift mixer: any bit of either number changes each bit of the result half of the time.
function hash(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
}
