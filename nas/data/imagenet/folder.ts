import { BadInput, refuse } from '../../../plan/endings.ts';
import path from 'node:path';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { isErrno } from '../../../artifacts/files.ts';
import { CLASS_NAMES } from '../image-list.ts';

// The usual layout: train/<class>/*.JPEG, and val/ either the same or flat with a file of labels.

/**
 * Finds the images of a folder. Classes are the folders of train/, numbered in the order of their names.
 * @param labelsFile what the images of a flat val/ are, null where val/ has a folder for each class
 * @throws BadInput naming every class that is missing or empty
 */
export async function findInFolder(root: string, labelsFile: string | null): Promise<Found> {
  const names = (await foldersIn(path.join(root, 'train'))).toSorted();
  if (names.length === 0) throw new BadInput(`${path.join(root, 'train')}: expected a folder for each class, got none`);
  const train = await classFolders(root, 'train', names);
  const valid =
    labelsFile === null ? await classFolders(root, 'val', names) : await flatFolder(root, labelsFile, names);
  return { folders: names, classes: names.length, train, valid, selection: null };
}

async function classFolders(root: string, part: string, names: readonly string[]): Promise<Entry[]> {
  const place = path.join(root, part);
  const folders = new Set(await foldersIn(place));
  if (folders.size === 0) {
    throw new BadInput(
      `${place}: expected a folder for each class, got none; give the labels of a flat folder with --val-labels FILE`,
    );
  }
  const entries: Entry[] = [];
  const problems: string[] = [];
  for (const [label, name] of names.entries()) {
    const files = folders.delete(name) ? await imagesIn(path.join(place, name)) : null;
    if (files === null) problems.push(`${place}: expected a folder ${name}, as train/ has, got none; add it`);
    else if (files.length === 0) problems.push(`${path.join(place, name)}: expected images, got none; add some`);
    else for (const file of files) entries.push({ path: `${part}/${name}/${file}`, label });
  }
  for (const name of folders) {
    problems.push(
      `${path.join(place, name)}: expected a class that train/ has, got ${name}; remove it or add its images`,
    );
  }
  refuse(problems);
  return entries;
}

/** A flat val/: every image must have a label, and every class an image. */
async function flatFolder(root: string, labelsFile: string, names: readonly string[]): Promise<Entry[]> {
  const place = path.join(root, 'val');
  const labels = await readLabels(labelsFile, names);
  const entries: Entry[] = [];
  const problems: string[] = [];
  for (const file of await imagesIn(place)) {
    const label = labels.get(path.parse(file).name);
    if (label === undefined) problems.push(`${path.join(place, file)}: expected a label in ${labelsFile}, got none`);
    else entries.push({ path: `val/${file}`, label });
  }
  const seen = new Set(entries.map(({ label }) => label));
  for (const [label, name] of names.entries()) {
    if (!seen.has(label)) problems.push(`${place}: expected images of the class ${name}, got none`);
  }
  refuse(problems);
  return entries;
}

async function foldersIn(place: string): Promise<string[]> {
  const entries = await listing(place);
  return entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map(({ name }) => name);
}

async function imagesIn(place: string): Promise<string[]> {
  const entries = await listing(place);
  return entries.flatMap((entry) => (entry.isDirectory() || !IMAGE_NAME.test(entry.name) ? [] : entry.name)).toSorted();
}

async function listing(place: string) {
  try {
    return await readdir(place, { withFileTypes: true });
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT') && !isErrno(cause, 'ENOTDIR')) throw cause;
    throw new BadInput(`${place}: expected a folder, got none; give the folder that has train/ and val/ with --root`, {
      cause,
    });
  }
}

/** An image file and its class. */
export interface Entry {
  /** Relative to the data set's root, with `/`. */
  readonly path: string;
  readonly label: number;
}

/** What a folder or the original's lists hold. */
export interface Found {
  /** The folders of the classes by label, null where only numbers are known. */
  readonly folders: readonly string[] | null;
  readonly classes: number;
  readonly train: readonly Entry[];
  readonly valid: readonly Entry[];
  /** Where the selection is given too, as the original's valid_part2500.txt gives it. */
  readonly selection: readonly Entry[] | null;
}

/** A file name that may be an image's. */
const IMAGE_NAME = /\.(jpe?g|png)$/i;

// What the classes are called: a mapping of folders to names, names that stand there already, or the folders themselves.

export interface ClassNames {
  /** By label. */
  readonly names: readonly string[];
  readonly from: 'mapping' | 'before' | 'folders';
}

/** As Kaggle calls it. */
const USUAL_MAPPING = 'LOC_synset_mapping.txt';

/**
 * Names for the classes with these folders: of the mapping `given`, else of the one in `root`, else those that somebody
 * has written into `out`, if there are as many, else the folders'.
 * @throws BadInput naming the classes that a mapping lacks
 */
export async function namesOf(
  folders: readonly string[],
  { root, out, given }: { readonly root: string; readonly out: string; readonly given: string | null },
): Promise<ClassNames> {
  const usual = path.join(root, USUAL_MAPPING);
  const mapping = given ?? (existsSync(usual) ? usual : null);
  if (mapping !== null) return { names: await mapped(mapping, folders), from: 'mapping' };
  const before = await readFile(path.join(out, CLASS_NAMES), 'utf8').catch(() => '');
  const names = before.trimEnd().split('\n');
  return names.length === folders.length && before !== ''
    ? { names, from: 'before' }
    : { names: folders, from: 'folders' };
}

/** A line is a folder and its name, `n01440764 tench, Tinca tinca`; of other folders there may be lines too. */
async function mapped(file: string, folders: readonly string[]): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new BadInput(`${file}: expected a folder and its name a line, got ${got}; give one with --class-names`, {
      cause,
    });
  });
  const lines = text.split('\n').map((line) => /^(\S+)\s+(.+)$/.exec(line.trim()));
  const nameOf = new Map(lines.map((line) => [line?.[1], line?.[2]]));
  const missing = folders.filter((folder) => nameOf.get(folder) === undefined);
  refuse(missing.map((folder) => `${file}: expected a line "${folder} its name", got none; add it`));
  return folders.map((folder) => nameOf.get(folder)!);
}

/**
 * Classes by the names of image files, without their endings. A line is a file's name and its class, divided by a space or
 * a comma: the class's folder name in train/, or its number from 0. What follows is passed over, as is a first line that
 * names columns, so Kaggle's LOC_val_solution.csv is one.
 * @throws BadInput naming the line
 */
export async function readLabels(file: string, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new BadInput(`${file}: expected a file of labels, got ${got}; correct --val-labels`, { cause });
  });
  const labelOf = new Map(names.map((name, label) => [name, label]));
  const labels = new Map<string, number>();
  for (const [index, line] of text.split('\n').entries()) {
    const [name = '', given] = line.trim().split(/[\s,]+/);
    if (name === '' || (index === 0 && name === 'ImageId')) continue;
    const number = given !== undefined && /^\d+$/.test(given) ? Number(given) : NaN;
    const label = labelOf.get(given ?? '') ?? (number < names.length ? number : undefined);
    if (label === undefined) {
      const classes = `a class of train/ (${names[0]} …) or a number 0..${names.length - 1}`;
      const got = JSON.stringify(line.trim().slice(0, 80));
      const remedy =
        given === undefined ? '; numbers of the development kit alone do not say which class they mean' : '';
      throw new BadInput(`${file}:${index + 1}: expected the name of an image and ${classes}, got ${got}${remedy}`);
    }
    labels.set(path.parse(name).name, label);
  }
  return labels;
}
