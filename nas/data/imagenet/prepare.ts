import { BadInput, refuse } from '../../../plan/endings.ts';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { atomicWrite } from '../../../artifacts/files.ts';
import type { ImageListConfig } from '../../../configs/dataset-schema.ts';
import { CLASS_NAMES } from '../image-list.ts';
import { findBroken } from './check.ts';
import type { BrokenFile, Look } from './check.ts';
import { findInFolder, namesOf } from './folder.ts';
import type { ClassNames, Entry, Found } from './folder.ts';
import { findInLists } from './original-lists.ts';
import { randomOf } from '../../space/random.ts';

interface Request {
  /** Folder with train/ and val/, absolute. */
  readonly root: string;
  /** Folder with the original's text files, to be used in place of walking over `root`. */
  readonly lists: string | null;
  readonly labels: string | null;
  /** What the folders of classes are called, a file; null for the usual one in `root`, if it is there. */
  readonly classNames: string | null;
  /** Where the lists are written, absolute. */
  readonly out: string;
  readonly sizes: PartSizes;
  readonly seed: number;
  readonly look: Look;
  /** Whether images that cannot be read are left out, and no error. */
  readonly skipBroken: boolean;
  readonly onProgress: (done: number, all: number) => void;
}

export interface Prepared {
  readonly classes: number;
  /** As written into class_names.txt; null where nothing but numbers is known. */
  readonly classNames: ClassNames | null;
  /** What was written, and how many images of how many classes each list has. */
  readonly lists: readonly { readonly file: string; readonly images: number; readonly classes: number }[];
  readonly broken: readonly BrokenFile[];
  /** What is not as in the whole of ImageNet. */
  readonly notes: readonly string[];
  /** Where the data set's config finds all that. */
  readonly place: Pick<ImageListConfig, 'root' | 'classes' | 'parts'>;
}

const IMAGENET = { classes: 1000, train: 1_281_167, valid: 50_000 };

/**
 * Finds the images of an ImageNet-like data set, reads all of them, and writes the lists of its parts.
 * @throws BadInput telling what is wrong where; nothing is written then
 */
export async function prepareImageNet(request: Request): Promise<Prepared> {
  const { root, lists, labels, out, classNames: given } = request;
  const all = lists === null ? await findInFolder(root, labels) : findInLists(lists, root);
  // What can be told before hours of reading is.
  cutParts(all, request.sizes, request.seed);
  if (all.folders === null && given !== null) {
    throw new BadInput(`${lists}: expected a folder for each class, as ${given} needs it, got none; leave it out`);
  }
  const classNames = all.folders && (await namesOf(all.folders, { root, out, given }));
  const files = [...all.train, ...all.valid].map(({ path: file }) => file);
  const broken = await findBroken(root, files, request.look, (done) => request.onProgress(done, files.length));
  if (!request.skipBroken) {
    const remedy = 'mend or remove it, or leave such files out with --skip-broken';
    refuse(
      broken.map((file) => `${path.join(root, file.path)}: expected a JPEG or PNG, got ${file.reason}; ${remedy}`),
    );
  }
  const found = whole(all, broken);
  const cut = cutParts(found, request.sizes, request.seed);
  const named = {
    train: 'train.txt',
    rest: 'train_rest.txt',
    calibration: 'calibration.txt',
    valid: 'valid.txt',
    selection: `valid_part${cut.selection.length}.txt`,
    groundTruth: 'valid_ground_truth.txt',
  } as const;
  const written = [];
  for (const part of ['train', 'rest', 'calibration', 'valid', 'selection', 'groundTruth'] as const) {
    const entries = cut[part];
    await atomicWrite(path.join(out, named[part]), textOf(entries));
    written.push({ file: named[part], images: entries.length, classes: classesOf(entries) });
  }
  if (classNames) await atomicWrite(path.join(out, CLASS_NAMES), `${classNames.names.join('\n')}\n`);
  const part = (name: keyof typeof named): ImageListConfig['parts']['test'] => {
    const place = path.relative(root, path.join(out, named[name]));
    const list = place.startsWith('..') ? path.join(out, named[name]) : place;
    const sha256 = createHash('sha256').update(textOf(cut[name])).digest('hex');
    return { list, images: cut[name].length, sha256 };
  };
  const parts = {
    training: part('rest'),
    calibration: part('calibration'),
    selection: part('selection'),
    'ground-truth-training': part('rest'),
    'ground-truth-test': part('groundTruth'),
    test: part('valid'),
  };
  const { classes } = found;
  return { classes, classNames, lists: written, broken, notes: notesOn(found), place: { root, classes, parts } };
}

function whole(found: Found, broken: readonly BrokenFile[]): Found {
  const left = new Set(broken.map((file) => file.path));
  const kept = (entries: readonly Entry[]): Entry[] => entries.filter((entry) => !left.has(entry.path));
  const selection = found.selection && kept(found.selection);
  return { ...found, train: kept(found.train), valid: kept(found.valid), selection };
}

function textOf(entries: readonly Entry[]): string {
  return entries.map((entry) => `${entry.path} ${entry.label}\n`).join('');
}

function classesOf(entries: readonly Entry[]): number {
  return new Set(entries.map(({ label }) => label)).size;
}

function notesOn({ classes, train, valid, selection }: Found): string[] {
  const notes: string[] = [];
  const compare = (what: string, got: number, expected: number): void => {
    if (got !== expected) notes.push(`${what}: ImageNet has ${expected}, here are ${got}`);
  };
  compare('classes', classes, IMAGENET.classes);
  compare('training images', train.length, IMAGENET.train);
  compare('validation images', valid.length, IMAGENET.valid);
  if (selection && classesOf(selection) < classes) {
    notes.push(`the selection given has images of ${classesOf(selection)} of ${classes} classes alone`);
  }
  return notes;
}

// Class-balanced parts of what was found. None of those that choose or measure shares an image with another.

/** How many images each part has. */
interface PartSizes {
  readonly calibration: number;
  readonly selection: number;
  readonly groundTruth: number;
}

/** Lists to write, by what they are for. */
interface Cut {
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
function cutParts(found: Found, sizes: PartSizes, seed: number): Cut {
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
