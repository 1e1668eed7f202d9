import type { ImageListConfig } from '../../../configs/dataset-schema.ts';
import { colourTable } from './augmentation.ts';
import type { Augmentation } from './augmentation.ts';
import type { Pixels } from './decode.ts';
import { entryWords, isHeightFirst, rotationGrid, UPRIGHT, writeTaps } from './geometry.ts';
import type { Axis, SourceGrid } from './geometry.ts';
import { loadKernels, place } from './kernels/kernels.ts';

// Decoded images to what a network takes, with the results of torchvision on Pillow's images to the bit.

const UNCHANGED = Uint8Array.from({ length: 256 }, (_, value) => value);
/** The kernels read so many bytes, and write so many floats, behind the last pixel. */
const MARGIN = 16;

/** What becomes of an image before it is normalised. */
interface TransformPlan {
  /** Where its pixels come from; (0, 0) is its corner. */
  readonly grid: SourceGrid;
  /** How its columns and rows are resized. */
  readonly columns: Axis;
  readonly rows: Axis;
  /** What becomes of each byte value. */
  readonly colours: (image: Pixels, graySum: (brightness: number) => number) => Uint8Array;
}

/** Turns decoded images into float32 [side, side, 3], normalised. It holds memory for one image, so each thread has its own. */
export class Transformer {
  readonly #kernels = loadKernels();
  readonly #side: number;
  readonly #meanAndStd: Float32Array;

  constructor(side: number, { mean, std }: ImageListConfig['normalise']) {
    this.#side = side;
    this.#meanAndStd = Float32Array.of(...mean, 0, ...std, 1);
  }

  /** Memory for the pixels of the next image: those that are put there need not be copied. */
  memoryFor(bytes: number): Uint8Array {
    const { pixels } = place(this.#kernels, { pixels: bytes + MARGIN });
    return new Uint8Array(this.#kernels.memory.buffer, pixels, bytes);
  }

  /** Colours changed, turned, cut out, resized and mirrored as the augmentation says, then normalised. */
  train(image: Pixels, augmentation: Augmentation, target: Float32Array): void {
    const { angle, crop, flip } = augmentation;
    const axis = { resized: this.#side, from: 0, count: this.#side };
    this.#transform(image, target, {
      grid: rotationGrid(angle, image).movedBy(crop.left, crop.top),
      columns: { ...axis, size: crop.width, mirrored: flip },
      rows: { ...axis, size: crop.height, mirrored: false },
      colours: ({ width, height }, graySum) =>
        augmentation.brightness === 1 && augmentation.contrast === 1
          ? UNCHANGED
          : colourTable(augmentation, (brightness) => graySum(brightness) / (width * height)),
    });
  }

  /** Resized to a square of `resize` pixels, its middle cut out, then normalised. */
  test(image: Pixels, resize: number, target: Float32Array): void {
    const axis = { resized: resize, from: Math.round((resize - this.#side) / 2), count: this.#side, mirrored: false };
    this.#transform(image, target, {
      grid: UPRIGHT,
      columns: { ...axis, size: image.width },
      rows: { ...axis, size: image.height },
      colours: () => UNCHANGED,
    });
  }

  #transform(image: Pixels, target: Float32Array, { grid, columns, rows, colours }: TransformPlan): void {
    const { width, height, data } = image;
    const isInPlace = data.buffer === this.#kernels.memory.buffer;
    const side = this.#side;
    const heightFirst = isHeightFirst(columns, rows);
    const pitch = { gathered: rowBytes(columns.size), resized: rowBytes(side) };
    const middlePitch = heightFirst ? pitch.gathered : pitch.resized;
    const entry = { columns: entryWords(columns) * 4, rows: entryWords(rows) * 4 };
    const at = place(this.#kernels, {
      // First, as in memoryFor().
      pixels: width * height * 3 + MARGIN,
      colours: UNCHANGED.length,
      meanAndStd: this.#meanAndStd.byteLength,
      columns: entry.columns * side,
      rows: entry.rows * side,
      wide: pitch.gathered,
      middle: middlePitch * rows.size,
      narrow: pitch.resized,
      result: (side * side * 3 + MARGIN) * 4,
    });
    const { memory, graySum, gatherRow, copyRow, resampleRow, resampleColumns, normaliseRow } = this.#kernels;
    const bytes = new Uint8Array(memory.buffer);
    if (!isInPlace) bytes.set(data, at.pixels);
    const end = at.pixels + width * height * 3;
    bytes.fill(0, end, end + MARGIN);
    const table = colours(image, (brightness) => graySum(at.pixels, width * height, brightness));
    bytes.set(table, at.colours);
    const isPlain = table === UNCHANGED && grid.isUpright;
    new Float32Array(memory.buffer, at.meanAndStd).set(this.#meanAndStd);
    writeTaps(columns, new Int32Array(memory.buffer, at.columns));
    const wanted = writeTaps(rows, new Int32Array(memory.buffer, at.rows));

    for (let y = wanted.first; y <= wanted.last; y++) {
      const { x, y: line, right } = grid.movedBy(0, y);
      const row = heightFirst ? at.middle + y * middlePitch : at.wide;
      if (isPlain) copyRow(at.pixels + ((line >> 16) * width + (x >> 16)) * 3, row, columns.size);
      else gatherRow(at.pixels, width, height, at.colours, row, columns.size, x, line, ...right);
      if (!heightFirst) resampleRow(row, at.columns, entry.columns, at.middle + y * middlePitch, side);
    }
    for (let y = 0; y < side; y++) {
      resampleColumns(at.middle, middlePitch, at.rows + y * entry.rows, heightFirst ? at.wide : at.narrow);
      if (heightFirst) resampleRow(at.wide, at.columns, entry.columns, at.narrow, side);
      normaliseRow(at.narrow, side, at.meanAndStd, at.result + y * side * 12);
    }
    target.set(new Float32Array(memory.buffer, at.result, side * side * 3));
  }
}

/** Four bytes a pixel, in whole vectors. */
function rowBytes(pixels: number): number {
  return Math.ceil(pixels / 4) * 16;
}
