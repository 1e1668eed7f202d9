import { createHash } from 'node:crypto';
import path from 'node:path';
import { atomicWrite } from '../../../artifacts/atomic-write.ts';
import type { ImageListConfig } from '../../../configs/dataset-schema.ts';
import { CLASS_NAMES } from '../class-names.ts';
import { DatasetError } from '../dataset-error.ts';
import { findBroken } from './broken.ts';
import type { BrokenFile, Look } from './broken.ts';
import { cutParts } from './cut.ts';
import type { PartSizes } from './cut.ts';
import { findInFolder, refuse } from './folder.ts';
import type { Entry, Found } from './found.ts';
import { namesOf } from './names.ts';
import type { ClassNames } from './names.ts';
import { findInLists } from './original-lists.ts';

export interface Request {
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
 * @throws DatasetError telling what is wrong where; nothing is written then
 */
export async function prepareImageNet(request: Request): Promise<Prepared> {
  const { root, lists, labels, out, classNames: given } = request;
  const all = lists === null ? await findInFolder(root, labels) : findInLists(lists, root);
  // What can be told before hours of reading is.
  cutParts(all, request.sizes, request.seed);
  if (all.folders === null && given !== null) {
    throw new DatasetError(`${lists}: expected a folder for each class, as ${given} needs it, got none; leave it out`);
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
