// Class-balanced parts of what was found. None of those that choose or measure shares an image with another.
import { randomOf } from '../../space/random.ts';
import { DatasetError } from '../dataset-error.ts';
import type { Entry, Found } from './found.ts';

/** How many images each part has. */
export interface PartSizes {
  readonly calibration: number;
  readonly selection: number;
  readonly groundTruth: number;
}

/** Lists to write, by what they are for. */
export interface Cut {
  readonly train: readonly Entry[];
  readonly valid: readonly Entry[];
  /** train without calibration. */
  readonly rest: readonly Entry[];
  readonly calibration: readonly Entry[];
  readonly selection: readonly Entry[];
  readonly groundTruth: readonly Entry[];
}

/**
 * Cuts calibration off the training images, and ground truth and selection out of the validation images, with as many of
 * every class (one more of some where the number asks for it), drawn by `seed`.
 * @throws DatasetError where there are too few images
 */
export function cutParts(found: Found, sizes: PartSizes, seed: number): Cut {
  const { train, valid } = found;
  const draw = (from: readonly Entry[], count: number, what: string): Entry[] => drawn(from, count, what, seed);
  const calibration = draw(train, sizes.calibration, 'calibration');
  const given = found.selection;
  const groundTruth = draw(without(valid, given ?? []), sizes.groundTruth, 'ground-truth');
  const selection = given ?? draw(without(valid, groundTruth), sizes.selection, 'selection');
  return { train, valid, rest: without(train, calibration), calibration, selection, groundTruth };
}

/** Takes the classes in turns, in an order and from shuffles that depend on the seed alone. */
function drawn(from: readonly Entry[], count: number, what: string, seed: number): Entry[] {
  if (count >= from.length) {
    throw new DatasetError(
      `--${what} ${count}: expected fewer than the ${from.length} images that are left for it, got ${count}; lower it`,
    );
  }
  const byClass = new Map<number, Entry[]>();
  for (const entry of from) {
    const mates = byClass.get(entry.label);
    if (mates) mates.push(entry);
    else byClass.set(entry.label, [entry]);
  }
  const labels = [...byClass.keys()].toSorted((a, b) => a - b);
  const turns = Array.from(randomOf(seed, what).shuffle(labels.length), (index) => {
    const mates = byClass.get(labels[index]!)!;
    const order = randomOf(seed, what, labels[index]!).shuffle(mates.length);
    return Array.from(order, (position) => mates[position]!);
  });
  const taken: Entry[] = [];
  for (let round = 0; taken.length < count; round++) {
    for (const mates of turns) {
      if (taken.length < count && round < mates.length) taken.push(mates[round]!);
    }
  }
  return taken;
}

function without(entries: readonly Entry[], left: readonly Entry[]): Entry[] {
  const paths = new Set(left.map(({ path }) => path));
  return entries.filter(({ path }) => !paths.has(path));
}
