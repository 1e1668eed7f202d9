import { createHash } from 'node:crypto';
import type { PartName } from '../../configs/dataset-schema.ts';
import { randomOf } from '../space/random.ts';

/** Which images of a data set a part holds. */
export interface PartIndex {
  /** Image (its row in the data set) at each position of the part. */
  readonly images: Int32Array;
  readonly labels: Uint16Array;
  readonly sha256: string;
}

// Training takes what comes last: whoever changes its size keeps all other parts, and the ground truth measured on them.
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
export function cutParts(
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
