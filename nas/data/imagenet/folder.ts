// The usual layout: train/<class>/*.JPEG, and val/ either the same or flat with a file of labels.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { isErrno } from '../../../artifacts/errno.ts';
import { DatasetError } from '../dataset-error.ts';
import { IMAGE_NAME } from './found.ts';
import type { Entry, Found } from './found.ts';
import { readLabels } from './labels.ts';

/**
 * Finds the images of a folder. Classes are the folders of train/, numbered in the order of their names.
 * @param labelsFile what the images of a flat val/ are, null where val/ has a folder for each class
 * @throws DatasetError naming every class that is missing or empty
 */
export async function findInFolder(root: string, labelsFile: string | null): Promise<Found> {
  const names = (await foldersIn(path.join(root, 'train'))).toSorted();
  if (names.length === 0)
    throw new DatasetError(`${path.join(root, 'train')}: expected a folder for each class, got none`);
  const train = await classFolders(root, 'train', names);
  const valid =
    labelsFile === null ? await classFolders(root, 'val', names) : await flatFolder(root, labelsFile, names);
  return { folders: names, classes: names.length, train, valid, selection: null };
}

async function classFolders(root: string, part: string, names: readonly string[]): Promise<Entry[]> {
  const place = path.join(root, part);
  const folders = new Set(await foldersIn(place));
  if (folders.size === 0) {
    throw new DatasetError(
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
    throw new DatasetError(
      `${place}: expected a folder, got none; give the folder that has train/ and val/ with --root`,
      {
        cause,
      },
    );
  }
}

const SHOWN = 20;

/** Throws all problems as one error, the first of them in words. */
export function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return;
  const more = problems.length > SHOWN ? [`… and ${problems.length - SHOWN} more`] : [];
  throw new DatasetError([...problems.slice(0, SHOWN), ...more].join('\n'));
}
