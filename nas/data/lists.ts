import path from 'node:path';
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { projectRoot } from '../../runtime/layout.ts';
import { ImageList, mayShareImages, PartName } from '../../configs/dataset-schema.ts';
import type { ImageListConfig } from '../../configs/dataset-schema.ts';
import { BadInput, FileFault, refuse } from '../../plan/endings.ts';
import type { JsonObject } from '../../plan/json.ts';
import { placeBelow, readImageList, readList } from './list-file.ts';
import type { ImageListFile } from './list-file.ts';

// The lists of a data set: as its config says, held to their hashes, and without shared images.

/** A root that is not absolute lies below `NAS_DATA`, or `data` in the project. */
export function dataRoot(root: string): string {
  const data = process.env['NAS_DATA'] || path.join(projectRoot, 'data');
  return path.resolve(data, root);
}

/**
 * The list of a part.
 * @throws BadInput where it has another number of images, or another hash, than the data set's config says
 */
export function listOfPart(config: ImageListConfig, part: PartName): ImageListFile {
  const file = path.resolve(dataRoot(config.root), config.parts[part].list);
  const list = readImageList(file, config.classes);
  checkPart(config, part, file, list);
  return list;
}

/** @throws BadInput where a list is not the one that the part names */
export function checkPart(config: ImageListConfig, part: PartName, file: string, list: ImageListFile): void {
  const { images, sha256 } = config.parts[part];
  const says = `as parts.${part} of the data set ${config.name} says`;
  if (sha256 !== undefined && list.sha256 !== sha256) {
    throw new BadInput(
      `${file}: expected sha256 ${sha256}, ${says}, got ${list.sha256}; the list was changed: restore it, or start ` +
        "another run (with the new hash, where the data set's config holds one)",
    );
  }
  if (list.size !== images) {
    throw new BadInput(
      `${file}: expected ${images} images, ${says}, got ${list.size}; write the list anew with nas data imagenet, or ` +
        'correct the number',
    );
  }
}

/**
 * The data set with the hashes of its lists put in, of those that are at hand: a hash is taken once and kept, so that a
 * list that is changed later is noticed. A list that is not here is left for whoever has it.
 */
export function pinLists(config: ImageListConfig): ImageListConfig {
  const hashes = new Map<string, string>();
  const hashOf = (name: string): string | undefined => {
    const file = path.resolve(dataRoot(config.root), name);
    const known = hashes.get(file);
    if (known !== undefined || !isHere(file)) return known;
    const sha256 = createHash('sha256').update(readList(file)).digest('hex');
    hashes.set(file, sha256);
    return sha256;
  };
  const parts = Object.entries(config.parts).map(([name, part]) => {
    const sha256 = part.sha256 ?? hashOf(part.list);
    return [name, sha256 === undefined ? part : { ...part, sha256 }];
  });
  return { ...config, parts: Object.fromEntries(parts) };
}

/**
 * A stage's config for the worker that does it: the lists of its data set are pinned, if the plan has not done so.
 * @throws FileFault where a list is not on this worker, which could not tell then what earlier work is the same
 */
export function withPinnedLists(config: JsonObject): JsonObject {
  const dataset = ImageList.safeParse(config['dataset']).data;
  if (!dataset) return config;
  const pinned = pinLists(dataset);
  const missing = Object.values(pinned.parts).find(({ sha256 }) => sha256 === undefined);
  if (missing) throw new FileFault(path.resolve(dataRoot(pinned.root), missing.list), 'none');
  return { ...config, dataset: pinned };
}

/** Whether the config's data set has lists that nobody has pinned: what a stage makes of it cannot be told from here. */
export function hasUnpinnedLists(config: JsonObject): boolean {
  const dataset = ImageList.safeParse(config['dataset']).data;
  return Object.values(dataset?.parts ?? {}).some(({ sha256 }) => sha256 === undefined);
}

/**
 * Checks the lists of a data set that are at hand: each as its part says, each image once in a list, and no image in two
 * parts that share none.
 * @throws BadInput naming the lines
 */
export function checkLists(config: ImageListConfig): void {
  // Shards were written of lists that had been checked.
  if (config.shards !== undefined) return;
  const root = dataRoot(config.root);
  const files = new Map<string, { readonly list: ImageListFile; readonly parts: PartName[] }>();
  for (const part of PartName.options) {
    const file = path.resolve(root, config.parts[part].list);
    if (!isHere(file)) continue;
    const known = files.get(file) ?? { list: readImageList(file, config.classes), parts: [] };
    files.set(file, known);
    checkPart(config, part, file, known.list);
    known.parts.push(part);
  }
  const lists = [...files].map(([file, { list, parts }]) => ({ file, list, parts }));
  refuseShared(root, lists, (one, other) =>
    one.parts.every((part) => other.parts.every((another) => mayShareImages(part, another))),
  );
}

/** Not where it cannot be told: that is a fault. */
function isHere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch (cause) {
    throw new FileFault(file, cause);
  }
}

interface NamedList {
  readonly file: string;
  readonly list: ImageListFile;
}

/** A line of one of several lists. */
interface Line<List> {
  readonly of: List;
  readonly at: number;
}

/**
 * Refuses an image that is twice in one list, in two lists that may not share one, or of two classes. Of a million
 * lines no string is made: hashes are compared first, and the paths of equal ones after.
 * @param root what paths are relative to
 * @throws BadInput naming the lines
 */
export function refuseShared<List extends NamedList>(
  root: string,
  lists: readonly List[],
  mayShare: (one: List, other: List) => boolean,
): void {
  const hashes = lists.map(({ list }) => Float64Array.from({ length: list.size }, (_, at) => list.pathHash(at, root)));
  const repeated = repeatedIn(hashes);
  const seen = new Map<string, Line<List>[]>();
  const problems: string[] = [];
  for (const [number, of] of lists.entries()) {
    for (const [at, value] of hashes[number]!.entries()) {
      if (!repeated.has(value)) continue;
      const image = placeBelow(root, of.list.path(at));
      const others = seen.get(image) ?? [];
      problems.push(...others.flatMap((other) => clash(image, other, { of, at }, mayShare) ?? []));
      seen.set(image, [...others, { of, at }]);
    }
  }
  refuse(problems);
}

/** What is wrong with an image that two lines name, if anything is. */
function clash<List extends NamedList>(
  image: string,
  first: Line<List>,
  second: Line<List>,
  mayShare: (one: List, other: List) => boolean,
): string | null {
  const isOneList = first.of === second.of;
  const where = `${second.of.file}:${second.at + 1}`;
  const before = isOneList ? `line ${first.at + 1}` : `${first.of.file}:${first.at + 1}`;
  const [label, other] = [first.of.list.labels[first.at]!, second.of.list.labels[second.at]!];
  if (label !== other) {
    return `${where}: expected class ${label} of ${image}, as ${before} says, got ${other}; correct one of them`;
  }
  if (isOneList) return `${where}: expected each image once, got ${image} as in ${before}; take one of them out`;
  if (mayShare(first.of, second.of)) return null;
  return `${where}: expected no image of ${first.of.file}, got ${image} (${before}); take it out of one of them`;
}

function repeatedIn(hashes: readonly Float64Array[]): ReadonlySet<number> {
  const all = new Float64Array(hashes.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const some of hashes) {
    all.set(some, at);
    at += some.length;
  }
  all.sort();
  const repeated = new Set<number>();
  for (let i = 1; i < all.length; i++) if (all[i] === all[i - 1]) repeated.add(all[i]!);
  return repeated;
}
