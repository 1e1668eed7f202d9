import path from 'node:path';
import { existsSync } from 'node:fs';
import { BadInput, refuse } from '../../../plan/endings.ts';
import { parseImageList, readImageList } from '../list-file.ts';
import type { ImageListFile } from '../list-file.ts';
import { refuseShared } from '../lists.ts';
import type { Entry, Found } from './folder.ts';

// The original's own text files: train.txt, valid.txt and, where there is one, valid_part2500.txt.

/** Labels fit into two bytes. */
const MOST_CLASSES = 65_536;

/**
 * Reads the original's lists out of a folder. Their paths may be absolute, relative to `root`, or to its train/ and val/;
 * what is returned is relative to `root`.
 * @throws BadInput naming list and line: wrong lines, files that are not below `root`, classes without images, an image that
 * is listed twice, under two labels, or in training and validation
 */
export function findInLists(folder: string, root: string): Found {
  const train = listBelow(path.join(folder, 'train.txt'), root, ['', 'train']);
  const valid = listBelow(path.join(folder, 'valid.txt'), root, ['', 'val', 'valid']);
  const partFile = path.join(folder, 'valid_part2500.txt');
  const selection = existsSync(partFile) ? listBelow(partFile, root, ['', 'val', 'valid']) : null;
  refuseShared(
    root,
    [train, valid, ...(selection ? [selection] : [])],
    (one, other) => one !== train && other !== train,
  );
  const classes = classesOf(train, valid);
  const entries = entriesOf(train.list);
  return {
    folders: foldersOf(entries, classes),
    classes,
    train: entries,
    valid: entriesOf(valid.list),
    selection: selection && entriesOf(selection.list),
    leftOut: [],
    notes: [],
  };
}

interface Listed {
  readonly file: string;
  readonly list: ImageListFile;
}

/** A list with its paths relative to `root`, line for line. */
function listBelow(file: string, root: string, prefixes: readonly string[]): Listed {
  const list = readImageList(file, MOST_CLASSES);
  if (list.size === 0) throw new BadInput(`${file}: expected a list of images, got an empty file`);
  const first = list.path(0);
  const prefix = prefixes.find((one) => existsSync(path.resolve(root, one, first)));
  if (prefix === undefined) {
    const places = prefixes.map((one) => path.resolve(root, one, first)).join(' or ');
    throw new BadInput(`${file}:1: expected an image at ${places}, got none; correct --root`);
  }
  const lines: string[] = [];
  const outside: string[] = [];
  for (const [line, label] of list.labels.entries()) {
    const place = path.relative(root, path.resolve(root, prefix, list.path(line)));
    if (place === '..' || place.startsWith(`..${path.sep}`)) {
      outside.push(`${file}:${line + 1}: expected an image below ${root}, got ${list.path(line)}; correct --root`);
    }
    lines.push(`${place} ${label}\n`);
  }
  refuse(outside);
  return { file, list: parseImageList(Buffer.from(lines.join('')), file, MOST_CLASSES) };
}

function entriesOf(list: ImageListFile): Entry[] {
  return Array.from(list.labels, (label, line) => ({ path: list.path(line), label }));
}

/** How many classes there are; each has images to train on, and no other is tested. */
function classesOf(train: Listed, valid: Listed): number {
  const labels = new Set(train.list.labels);
  const classes = Math.max(...labels) + 1;
  const missing = Array.from({ length: classes }, (_, label) => label).filter((label) => !labels.has(label));
  refuse(
    missing.map((label) => `${train.file}: expected images of class ${label}, got none; number the classes from 0 on`),
  );
  const strange = valid.list.labels.findIndex((label) => label >= classes);
  if (strange >= 0) {
    throw new BadInput(
      `${valid.file}:${strange + 1}: expected classes 0..${classes - 1}, as train.txt has, got ${valid.list.labels[strange]}`,
    );
  }
  return classes;
}

/** Null unless every class has one folder to itself. */
function foldersOf(train: readonly Entry[], classes: number): string[] | null {
  const folders = new Map<string, number>();
  for (const { path: file, label } of train) folders.set(path.dirname(file), label);
  const isOwn =
    folders.size === classes && train.every((entry) => folders.get(path.dirname(entry.path)) === entry.label);
  if (!isOwn) return null;
  return [...folders].toSorted(([, a], [, b]) => a - b).map(([folder]) => path.basename(folder));
}
