// Bilinear resizing as Pillow does it: a triangle as wide as the reduction asks for, so that it smooths where it shrinks.

/** Bits of a weight, as in kernels.as. */
const WEIGHT_BITS = 22;

/** One axis: `size` pixels become `resized`, of which those from `from` on are wanted, `count` of them. */
export interface Axis {
  readonly size: number;
  readonly resized: number;
  readonly from: number;
  readonly count: number;
  /** Whether the last one wanted comes first. */
  readonly mirrored: boolean;
}

/** 32-bit words of one entry: first source pixel, number of taps, their weights. */
export function entryWords({ size, resized }: Axis): number {
  return 2 + Math.ceil(supportOf(size / resized)) * 2 + 1;
}

/**
 * Whether an image is resized in height before it is in width: since Pillow 13, where the height shrinks by more than twice
 * as many pixels as the width does. The other order would differ by one in some bytes.
 */
export function isHeightFirst(columns: Axis, rows: Axis): boolean {
  return rows.size - rows.resized > 2 * Math.max(columns.size - columns.resized, 0);
}

/** Writes an entry for each wanted pixel, weights in units of 2^-22. Returns the first and last source pixel they take. */
export function writeTaps(axis: Axis, entries: Int32Array): { readonly first: number; readonly last: number } {
  const { size, resized, from, count, mirrored } = axis;
  const scale = size / resized;
  const support = supportOf(scale);
  const words = entryWords(axis);
  const exact = new Float64Array(words - 2);
  const taken = { first: size, last: 0 };
  for (let i = 0; i < count; i++) {
    const center = (from + i + 0.5) * scale;
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const taps = Math.min(Math.trunc(center + support + 0.5), size) - first;
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) {
      const distance = (first + tap - center + 0.5) * (1 / support);
      exact[tap] = Math.max(1 - Math.abs(distance), 0);
      sum += exact[tap]!;
    }
    const entry = (mirrored ? count - 1 - i : i) * words;
    entries[entry] = first;
    entries[entry + 1] = taps;
    for (let tap = 0; tap < taps; tap++) {
      entries[entry + 2 + tap] = Math.trunc((exact[tap]! / sum) * 2 ** WEIGHT_BITS + 0.5);
    }
    taken.first = Math.min(taken.first, first);
    taken.last = Math.max(taken.last, first + taps - 1);
  }
  return taken;
}

function supportOf(scale: number): number {
  return Math.max(scale, 1);
}

// Where the pixels of a turned image come from, as Pillow finds them: the nearest pixel, in units of 2^-16.

const UNIT = 65_536;
type Step = readonly [dx: number, dy: number];

/** A grid over a source image: where its corner lies, in units of 2^-16 pixels, and one step to the right and down. */
export class SourceGrid {
  readonly x: number;
  readonly y: number;
  readonly right: Step;
  readonly down: Step;

  constructor(x: number, y: number, right: Step, down: Step) {
    this.x = x;
    this.y = y;
    this.right = right;
    this.down = down;
  }

  /** Whether one step right is the next pixel of the same row. */
  get isUpright(): boolean {
    return this.right[0] === UNIT && this.right[1] === 0;
  }

  /** The grid that begins so many steps on. */
  movedBy(columns: number, rows: number): SourceGrid {
    const { x, y, right, down } = this;
    return new SourceGrid(
      x + columns * right[0] + rows * down[0],
      y + columns * right[1] + rows * down[1],
      right,
      down,
    );
  }
}

/** Every pixel where it is. */
export const UPRIGHT = new SourceGrid(0, 0, [UNIT, 0], [0, UNIT]);

/** The grid of an image that is turned by `angle` degrees, counter-clockwise about its middle. */
export function rotationGrid(angle: number, { width, height }: { width: number; height: number }): SourceGrid {
  // Degrees from 0 to 360, and 15 digits so that right angles are exact: as Pillow does it.
  const radians = -(((angle % 360) + 360) % 360) * (Math.PI / 180);
  const cos = Number(Math.cos(radians).toFixed(15));
  const sin = Number(Math.sin(radians).toFixed(15));
  const [middleX, middleY] = [width / 2, height / 2];
  const x = cos * -middleX + sin * -middleY + middleX;
  const y = -sin * -middleX + cos * -middleY + middleY;
  // A pixel lies in its middle, half a step from its corner.
  return new SourceGrid(
    fixed(x + cos * 0.5 + sin * 0.5),
    fixed(y - sin * 0.5 + cos * 0.5),
    [fixed(cos), fixed(-sin)],
    [fixed(sin), fixed(cos)],
  );
}

function fixed(value: number): number {
  return Math.floor(value * UNIT + 0.5);
}
