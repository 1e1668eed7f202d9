import path from 'node:path';
import { existsSync } from 'node:fs';
import { BadInput, refuse } from '../../../plan/endings.ts';
import { labelsOf } from './labels.ts';
import { Walk } from './walk.ts';
import type { LeftOut, Listing } from './walk.ts';

/** An image file and its class. */
export interface Entry {
  /** Relative to the data set's root, with `/`. */
  readonly path: string;
  readonly label: number;
}

/** The images that a folder or the original's lists hold. */
export interface Found {
  /** The folders of the classes by label, null where only numbers are known. */
  readonly folders: readonly string[] | null;
  readonly classes: number;
  readonly train: readonly Entry[];
  readonly valid: readonly Entry[];
  /** Where the selection is given too, as the original's valid_part2500.txt gives it. */
  readonly selection: readonly Entry[] | null;
  readonly leftOut: readonly LeftOut[];
  readonly notes: readonly string[];
}

/** Tiny-ImageNet's labels of its val/. */
const TINY_LABELS = 'val/val_annotations.txt';

/**
 * Finds the images of a folder in the usual layout: `train/<class>/…`, and either `val/<class>/…` or all of val/ with a file
 * of labels. Classes are the folders of train/, numbered in the order of their names; images in deeper folders are of the
 * class of the outermost one.
 * @param labelsFile the labels of val/; null where it has a folder for each class, or is Tiny-ImageNet's
 * @throws BadInput naming each class that is missing or empty, each image without a label, and all that contradicts itself
 */
export async function findInFolder(root: string, labelsFile: string | null): Promise<Found> {
  const tiny = path.join(root, TINY_LABELS);
  const labels = labelsFile ?? (existsSync(tiny) ? tiny : null);
  const walk = new Walk(root, labels);
  const listing = await walk.list('train');
  const folders = listing.folders;
  if (folders.length === 0)
    throw new BadInput(`${path.join(root, 'train')}: expected a folder for each class, got none`);
  const train = await imagesOfClasses(walk, root, 'train', listing, folders);
  const notes: string[] = [];
  const valid =
    labels === null
      ? await imagesOfClasses(walk, root, 'val', await walk.list('val'), folders)
      : await imagesWithLabels(walk, root, labels, folders, notes);
  refuse(walk.problems);
  if (walk.metLinks) refuse(await sameFiles(walk, [...train, ...valid]));
  const deeper = train.filter((entry) => entry.path.split('/').length > 3).length;
  if (deeper > 0)
    notes.push(`${deeper} training images lie in deeper folders; each is of the class of the outermost one`);
  return { folders, classes: folders.length, train, valid, selection: null, leftOut: walk.leftOut(), notes };
}

async function imagesOfClasses(
  walk: Walk,
  root: string,
  part: string,
  { folders, files }: Listing,
  classes: readonly string[],
): Promise<Entry[]> {
  const place = path.join(root, part);
  const known = new Set(classes.map((name) => name.normalize()));
  const found = new Map<string, string>();
  const problems: string[] = [];
  for (const folder of folders) {
    const name = folder.normalize();
    if (!known.has(name))
      problems.push(
        `${path.join(place, folder)}: expected a class that train/ has, got ${folder}; remove it or add its images`,
      );
    else if (found.has(name))
      problems.push(
        `${path.join(place, folder)}: expected each class once, got two folders whose names look the same; merge them`,
      );
    found.set(name, folder);
  }
  if (!classes.some((name) => found.has(name.normalize()))) {
    const got = folders.length === 0 ? 'none' : folders.slice(0, 3).join(', ');
    throw new BadInput(
      `${place}: expected a folder for each class, got ${got}; give the labels of its images with --val-labels FILE`,
    );
  }
  for (const file of files) walk.leaveFile(`${part}/${file}`);
  const entries: Entry[] = [];
  for (const [label, name] of classes.entries()) {
    const folder = found.get(name.normalize());
    const images = folder === undefined ? [] : await walk.images(`${part}/${folder}`);
    if (folder === undefined) problems.push(`${place}: expected a folder ${name}, as train/ has, got none; add it`);
    else if (images.length === 0) problems.push(`${path.join(place, folder)}: expected images, got none; add some`);
    for (const image of images) entries.push({ path: image, label });
  }
  refuse(problems);
  return entries;
}

/** All images of val/, each with its label, and every class with an image. */
async function imagesWithLabels(
  walk: Walk,
  root: string,
  file: string,
  classes: readonly string[],
  notes: string[],
): Promise<Entry[]> {
  const images = await walk.images('val');
  const { labels, unused } = await labelsOf(file, classes, images);
  if (unused > 0) notes.push(`${unused} lines of ${file} name no image of val/`);
  const seen = new Set(labels);
  const missing = classes.filter((_, label) => !seen.has(label));
  const known = new Set(classes.map((name) => name.normalize()));
  const contradicted = images.flatMap((image, at) => {
    const [, folder = ''] = image.normalize().split('/');
    const name = classes[labels[at]!]!;
    return known.has(folder) && folder !== name.normalize() ? { image, folder, name } : [];
  });
  refuse([
    ...missing.map((name) => `${path.join(root, 'val')}: expected images of the class ${name}, got none; add some`),
    ...contradicted.map(
      ({ image, folder, name }) =>
        `${image}: expected the class ${folder} of its folder in ${file}, got ${name}; correct one of them`,
    ),
  ]);
  return images.map((image, at) => ({ path: image, label: labels[at]! }));
}

/** Images that are one file, met under two names by links. */
async function sameFiles(walk: Walk, entries: readonly Entry[]): Promise<string[]> {
  const met = new Map<string, string>();
  const problems: string[] = [];
  for (const { path: image } of entries) {
    const real = await walk.realPath(image);
    const other = met.get(real);
    if (other !== undefined)
      problems.push(`${image}: expected each image once, got ${other} by a link; take one of them out`);
    met.set(real, image);
  }
  return problems;
}
