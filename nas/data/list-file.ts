import path from 'node:path';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BadInput, FileFault, isErrno } from '../../plan/endings.ts';

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

/**
 * Reads a list.
 * @throws BadInput naming file and line where it is missing or wrong; FileFault where it could not be read
 */
export function readImageList(file: string, classes: number): ImageListFile {
  return parseImageList(readList(file), file, classes);
}

/** The bytes of a list. Throws as `readImageList`. */
export function readList(file: string): Buffer {
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
export function placeBelow(root: string, image: string): string {
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
