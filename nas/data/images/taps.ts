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
 * Whether rows are made of rows before columns are made of columns: since Pillow 13, where height shrinks by more than
 * twice as many pixels as width does. The other order would differ by one in some bytes.
 */
export function isRowsFirst(columns: Axis, rows: Axis): boolean {
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
