import path from 'node:path';
import { existsSync } from 'node:fs';
import type { Entry, Found } from './folder.ts';
import { readImageList } from '../lists.ts';
import { BadInput } from '../../../plan/endings.ts';

// The original's own text files: train.txt, valid.txt and, where there is one, valid_part2500.txt.

/** Labels fit into two bytes. */
const MOST_CLASSES = 65_536;

/**
 * Reads the original's lists out of a folder. Their paths may be absolute, relative to `root`, or to its train/ and val/;
 * what is returned is relative to `root`.
 * @throws BadInput naming the list: wrong lines, files that are not below `root`, classes without images
 */
export function findInLists(folder: string, root: string): Found {
  const train = entriesOf(path.join(folder, 'train.txt'), root, ['', 'train']);
  const valid = entriesOf(path.join(folder, 'valid.txt'), root, ['', 'val', 'valid']);
  const partFile = path.join(folder, 'valid_part2500.txt');
  const selection = existsSync(partFile) ? entriesOf(partFile, root, ['', 'val', 'valid']) : null;
  const labels = new Set(train.map(({ label }) => label));
  const classes = Math.max(...labels) + 1;
  for (let label = 0; label < classes; label++) {
    if (!labels.has(label)) throw new BadInput(`${folder}/train.txt: expected images of class ${label}, got none`);
  }
  const strange = valid.find(({ label }) => label >= classes);
  if (strange) {
    throw new BadInput(
      `${folder}/valid.txt: expected classes 0..${classes - 1}, got ${strange.label} at ${strange.path}`,
    );
  }
  return { folders: foldersOf(train, classes), classes, train, valid, selection };
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

function entriesOf(file: string, root: string, prefixes: readonly string[]): Entry[] {
  const list = readImageList(file, MOST_CLASSES);
  if (list.size === 0) throw new BadInput(`${file}: expected a list of images, got an empty file`);
  const first = list.path(0);
  const prefix = prefixes.find((one) => existsSync(path.resolve(root, one, first)));
  if (prefix === undefined) {
    const places = prefixes.map((one) => path.resolve(root, one, first)).join(' or ');
    throw new BadInput(`${file}:1: expected an image at ${places}, got none; correct --root`);
  }
  return Array.from(list.labels, (label, line) => {
    const place = path.relative(root, path.resolve(root, prefix, list.path(line)));
    if (place.startsWith('..')) {
      throw new BadInput(
        `${file}:${line + 1}: expected an image below ${root}, got ${list.path(line)}; correct --root`,
      );
    }
    return { path: place, label };
  });
}
