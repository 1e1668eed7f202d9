import path from 'node:path';
import { createHash } from 'node:crypto';
import { atomicWrite } from '../../../artifacts/files.ts';
import type { ImageListConfig } from '../../../configs/dataset-schema.ts';
import { BadInput, refuse } from '../../../plan/endings.ts';
import { chooseNames, CLASS_NAMES } from '../class-names.ts';
import type { ClassNames } from '../class-names.ts';
import { findBroken } from './check.ts';
import type { BrokenFile, Look } from './check.ts';
import { cutParts, withoutBroken } from './cut.ts';
import type { Cut, PartSizes } from './cut.ts';
import { findInFolder } from './folder.ts';
import type { Entry, Found } from './folder.ts';
import { findInLists } from './original-lists.ts';
import type { LeftOut } from './walk.ts';

export interface Request {
  /** Folder with train/ and val/, absolute. */
  readonly root: string;
  /** Folder with the original's text files, to be used in place of walking over `root`; absolute. */
  readonly lists: string | null;
  /** The classes of a val/ that has no folders of them, a file; absolute. */
  readonly labels: string | null;
  /** What the folders of classes are called, a file; null for the usual one in `root`, if it is there. */
  readonly classNames: string | null;
  /** Where the lists are written, absolute. */
  readonly out: string;
  readonly sizes: PartSizes;
  readonly seed: number;
  readonly look: Look;
  /** Whether broken images are left out, and no error. */
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
  /** What else of the folder is in no list, by reason. */
  readonly leftOut: readonly LeftOut[];
  /** What is not as in the whole of ImageNet, and what else somebody should know. */
  readonly notes: readonly string[];
  /** Where the data set's config finds all that. */
  readonly place: Pick<ImageListConfig, 'root' | 'classes' | 'parts'>;
}

/**
 * Finds the images of an ImageNet-like data set, reads all of them, and writes the lists of its parts.
 * @throws BadInput telling what is wrong where; nothing is written then
 */
export async function prepareImageNet(request: Request): Promise<Prepared> {
  const { root, lists, labels, out, classNames: given, sizes, seed } = request;
  const all = lists === null ? await findInFolder(root, labels) : findInLists(lists, root);
  // What can be told before hours of reading is.
  cutParts(all, sizes, seed);
  if (all.folders === null && given !== null) {
    throw new BadInput(`${lists}: expected a folder for each class, as ${given} needs it, got none; leave it out`);
  }
  const classNames = all.folders && (await chooseNames(all.folders, { root, out, given }));
  const broken = await brokenOf(all, request);
  const found = withoutBroken(all, broken);
  const cut = cutParts(found, sizes, seed);
  const files = fileNames(cut);
  const written = [];
  for (const name of WRITTEN) {
    const entries = cut[name];
    await atomicWrite(path.join(out, files[name]), textOf(entries));
    written.push({ file: files[name], images: entries.length, classes: classesOf(entries) });
  }
  if (classNames) await atomicWrite(path.join(out, CLASS_NAMES), `${classNames.names.join('\n')}\n`);
  const part = (name: keyof Cut): ImageListConfig['parts']['test'] => {
    const file = path.join(out, files[name]);
    const below = path.relative(root, file);
    const sha256 = createHash('sha256').update(textOf(cut[name])).digest('hex');
    return { list: below.startsWith(`..${path.sep}`) ? file : below, images: cut[name].length, sha256 };
  };
  const parts = {
    training: part('rest'),
    calibration: part('calibration'),
    selection: part('selection'),
    'ground-truth-training': part('rest'),
    'ground-truth-test': part('groundTruth'),
    test: part('valid'),
  };
  const { classes, leftOut } = found;
  const notes = [...found.notes, ...notesOn(found)];
  return { classes, classNames, lists: written, broken, leftOut, notes, place: { root, classes, parts } };
}

/** Reads all images. Broken ones are an error, unless they are to be left out. */
async function brokenOf({ train, valid, selection }: Found, request: Request): Promise<BrokenFile[]> {
  const { root, look, skipBroken, onProgress } = request;
  const files = [...new Set([...train, ...valid, ...(selection ?? [])].map(({ path: file }) => file))];
  const broken = await findBroken(root, files, look, (done) => onProgress(done, files.length));
  if (!skipBroken) {
    const remedy = 'mend or remove it, or leave such files out with --skip-broken';
    refuse(
      broken.map(
        (file) =>
          `${path.join(root, file.path)}: expected an image that can be decoded, got: ${file.reason}; ${remedy}`,
      ),
    );
  }
  return broken;
}

const WRITTEN = ['train', 'rest', 'calibration', 'valid', 'selection', 'groundTruth'] as const;

/** The original's names, and ours for what it has not. */
function fileNames({ selection }: Cut): Readonly<Record<keyof Cut, string>> {
  return {
    train: 'train.txt',
    rest: 'train_rest.txt',
    calibration: 'calibration.txt',
    valid: 'valid.txt',
    selection: `valid_part${selection.length}.txt`,
    groundTruth: 'valid_ground_truth.txt',
  };
}

function textOf(entries: readonly Entry[]): string {
  return entries.map((entry) => `${entry.path} ${entry.label}\n`).join('');
}

function classesOf(entries: readonly Entry[]): number {
  return new Set(entries.map(({ label }) => label)).size;
}

const IMAGENET = { classes: 1000, train: 1_281_167, valid: 50_000 };

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
