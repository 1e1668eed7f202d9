import { BadInput, refuse } from '../../../plan/endings.ts';
import { randomOf } from '../../space/random.ts';
import type { BrokenFile } from './check.ts';
import type { Entry, Found } from './folder.ts';

// Parts with as many images of every class. None of those that choose or measure shares an image with another.

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
 * @throws BadInput where there are too few images
 */
export function cutParts(found: Found, sizes: PartSizes, seed: number): Cut {
  const { train, valid } = found;
  const draw = (from: readonly Entry[], count: number, what: string): Entry[] => drawn(from, count, what, seed);
  const calibration = draw(train, sizes.calibration, 'calibration');
  const given = found.selection;
  const groundTruth = draw(without(valid, given ?? []), sizes.groundTruth, 'ground-truth');
  const selection = given ?? draw(without(valid, groundTruth), sizes.selection, 'selection');
  const rest = without(train, calibration);
  const emptied = missingClasses(train, rest).map((label) => nameOf(found, label));
  if (emptied.length > 0) {
    throw new BadInput(
      `--calibration ${sizes.calibration}: expected images of every class to be left for training, got none of ` +
        `${emptied.slice(0, 5).join(', ')}; lower it`,
    );
  }
  return { train, valid, rest, calibration, selection, groundTruth };
}

/** Classes of `before` that have no image in `after`. */
function missingClasses(before: readonly Entry[], after: readonly Entry[]): number[] {
  const left = new Set(after.map(({ label }) => label));
  return [...new Set(before.map(({ label }) => label))].filter((label) => !left.has(label));
}

function nameOf(found: Found, label: number): string {
  return found.folders?.[label] ?? String(label);
}

/** Takes the classes in turns, in an order and from shuffles that depend on the seed alone. */
function drawn(from: readonly Entry[], count: number, what: string, seed: number): Entry[] {
  if (count >= from.length) {
    throw new BadInput(
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
  const paths = new Set(left.map((entry) => entry.path));
  return entries.filter((entry) => !paths.has(entry.path));
}

/**
 * What was found without its broken images.
 * @throws BadInput for a class that has no others
 */
export function withoutBroken(found: Found, broken: readonly BrokenFile[]): Found {
  const left = new Set(broken.map((file) => file.path));
  const kept = (entries: readonly Entry[]): Entry[] => entries.filter((entry) => !left.has(entry.path));
  const [train, valid] = [kept(found.train), kept(found.valid)];
  const emptied = [
    ...missingClasses(found.train, train).map((label) => `training images of the class ${nameOf(found, label)}`),
    ...missingClasses(found.valid, valid).map((label) => `validation images of the class ${nameOf(found, label)}`),
  ];
  refuse(emptied.map((what) => `--skip-broken: expected ${what} that can be decoded, got broken ones alone; mend one`));
  return { ...found, train, valid, selection: found.selection && kept(found.selection) };
}
