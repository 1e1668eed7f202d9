import path from 'node:path';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isErrno } from '../../artifacts/files.ts';
import { ImageList, mayShareImages, PartName } from '../../configs/dataset-schema.ts';
import type { ImageListConfig } from '../../configs/dataset-schema.ts';
import { BadInput, FileFault, refuse } from '../../plan/endings.ts';
import type { JsonObject } from '../../plan/json.ts';

/** A list of image files with their classes, `path label` a line. A million lines take some 100 MB, and no string each. */
export interface ImageListFile {
  readonly size: number;
  /** Class of each line. */
  readonly labels: Uint16Array;
  /** Of the file's bytes. */
  readonly sha256: string;
  /** Path in that line (from 0), as it is written. */
  path(line: number): string;
  /** 53 bits of that path: the same for every way to write it, and hardly ever the same for another one below `root`. */
  pathHash(line: number, root: string): number;
}

/** A root that is not absolute lies below `NAS_DATA`, or `data` in the clone. */
export function dataRoot(root: string): string {
  const data = process.env['NAS_DATA'] || fileURLToPath(new URL('../../data', import.meta.url));
  return path.resolve(data, root);
}

/**
 * Reads a list.
 * @throws BadInput naming file and line where it is missing or wrong; FileFault where it could not be read
 */
export function readImageList(file: string, classes: number): ImageListFile {
  return parseImageList(readList(file), file, classes);
}

function readList(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT')) throw new FileFault(file, cause);
    throw new BadInput(`${file}: expected a list of images, got none; write it with nas data imagenet`, { cause });
  }
}

const [NEWLINE, SPACE, DOT, SLASH] = [0x0a, 0x20, 0x2e, 0x2f];
const BYTE_ORDER_MARK = Buffer.from('\uFEFF');

/**
 * A list out of its bytes. The label is what follows the last space of a line, so paths may hold spaces.
 * @throws BadInput naming file and line: no path, no label, a label that is not in 0..classes-1
 */
export function parseImageList(bytes: Buffer, file: string, classes: number): ImageListFile {
  const starts: number[] = [];
  const ends: number[] = [];
  const labels: number[] = [];
  const beginning = bytes.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0;
  for (let start = beginning; start < bytes.length;) {
    const found = bytes.indexOf(NEWLINE, start);
    const end = found < 0 ? bytes.length : found;
    const space = bytes.lastIndexOf(SPACE, end - 1);
    const text = bytes.toString('latin1', Math.max(space, start) + 1, end).trim();
    const label = /^\d+$/.test(text) ? Number(text) : NaN;
    if (space <= start || !(label < classes)) {
      const got = JSON.stringify(bytes.toString('utf8', start, Math.min(end, start + 120)));
      throw new BadInput(
        `${file}:${labels.length + 1}: expected a path, a space and a class 0..${classes - 1}, got ${got}; correct the line`,
      );
    }
    starts.push(start);
    ends.push(space);
    labels.push(label);
    start = end + 1;
  }
  const [from, to] = [Uint32Array.from(starts), Uint32Array.from(ends)];
  return {
    size: labels.length,
    labels: Uint16Array.from(labels),
    sha256: createHash('sha256').update(bytes).digest('hex'),
    path: (line) => bytes.toString('utf8', from[line], to[line]),
    pathHash(line, root) {
      const [start, end] = [from[line]!, to[line]!];
      if (isPlain(bytes, start, end)) return hash(bytes, start, end);
      const place = Buffer.from(placeBelow(root, this.path(line)));
      return hash(place, 0, place.length);
    },
  };
}

/** Where an image lies below the root, always written the same way. */
function placeBelow(root: string, image: string): string {
  return path.relative(root, path.resolve(root, image));
}

/** Whether a path is relative, and neither empty nor `.` nor `..` a part of it: it is written in the only way then. */
function isPlain(bytes: Uint8Array, start: number, end: number): boolean {
  let before = SLASH;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (before === SLASH && (byte === SLASH || byte === DOT)) return false;
    before = byte;
  }
  return true;
}

/** FNV-1a with two multipliers, of which the second gives 21 bits. */
function hash(bytes: Uint8Array, start: number, end: number): number {
  let [high, low] = [0x811c9dc5, 0x9e3779b9];
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    high = Math.imul(high ^ byte, 0x01000193);
    low = Math.imul(low ^ byte, 0x85ebca6b);
  }
  return (high >>> 0) * 2 ** 21 + (low >>> 11);
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

function checkPart(config: ImageListConfig, part: PartName, file: string, list: ImageListFile): void {
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
  const hashes = new Map<string, string | undefined>();
  const hashOf = (name: string): string | undefined => {
    const file = path.resolve(dataRoot(config.root), name);
    if (!hashes.has(file) && existsSync(file))
      hashes.set(file, createHash('sha256').update(readList(file)).digest('hex'));
    return hashes.get(file);
  };
  const parts = Object.entries(config.parts).map(([name, part]) => {
    const sha256 = part.sha256 ?? hashOf(part.list);
    return [name, sha256 === undefined ? part : { ...part, sha256 }];
  });
  return { ...config, parts: Object.fromEntries(parts) };
}

/** A stage's config with the lists of its data set pinned, where it has such a data set and they are at hand. */
export function withPinnedLists(config: JsonObject): JsonObject {
  const dataset = ImageList.safeParse(config['dataset']).data;
  return dataset ? { ...config, dataset: pinLists(dataset) } : config;
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
  const root = dataRoot(config.root);
  const files = new Map<string, { readonly list: ImageListFile; readonly parts: PartName[] }>();
  for (const part of PartName.options) {
    const file = path.resolve(root, config.parts[part].list);
    if (!existsSync(file)) continue;
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

interface NamedList {
  readonly file: string;
  readonly list: ImageListFile;
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
  const hashes = lists.map(({ list }) =>
    Float64Array.from({ length: list.size }, (_, line) => list.pathHash(line, root)),
  );
  const repeated = repeatedIn(hashes);
  const seen = new Map<string, { readonly of: List; readonly line: number }[]>();
  const problems: string[] = [];
  for (const [at, of] of lists.entries()) {
    for (const [line, value] of hashes[at]!.entries()) {
      if (!repeated.has(value)) continue;
      const image = placeBelow(root, of.list.path(line));
      const others = seen.get(image) ?? [];
      seen.set(image, others);
      for (const other of others) {
        const where = `${of.file}:${line + 1}`;
        const before = other.of === of ? `line ${other.line + 1}` : `${other.of.file}:${other.line + 1}`;
        const [label, known] = [of.list.labels[line]!, other.of.list.labels[other.line]!];
        if (label !== known)
          problems.push(
            `${where}: expected class ${known} of ${image}, as ${before} says, got ${label}; correct one of them`,
          );
        else if (other.of === of)
          problems.push(`${where}: expected each image once, got ${image} as in ${before}; take one of them out`);
        else if (!mayShare(of, other.of))
          problems.push(
            `${where}: expected no image of ${other.of.file}, got ${image} (${before}); take it out of one of them`,
          );
      }
      others.push({ of, line });
    }
  }
  refuse(problems);
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
