import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { BadInput } from '../../plan/endings.ts';

/** A list of image files with their classes, `path label` a line. A million lines take some 100 MB, and no string each. */
export interface ImageListFile {
  readonly size: number;
  /** Class of each line. */
  readonly labels: Uint16Array;
  /** Of the file's bytes. */
  readonly sha256: string;
  /** Path in that line (from 0), as it is written. */
  path(line: number): string;
}

const NEWLINE = 0x0a;
const SPACE = 0x20;

/**
 * Reads a list. The label is what follows the last space of a line, so paths may hold spaces.
 * @throws BadInput naming file and line: no file, no label, a label that is not in 0..classes-1
 */
export function readImageList(file: string, classes: number): ImageListFile {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new BadInput(`${file}: expected a list of images, got ${got}; write it with nas data imagenet`, {
      cause,
    });
  }
  const starts: number[] = [];
  const ends: number[] = [];
  const labels: number[] = [];
  for (let start = 0, line = 1; start < bytes.length; line++) {
    const found = bytes.indexOf(NEWLINE, start);
    const end = found < 0 ? bytes.length : found;
    if (end > start) {
      const space = bytes.lastIndexOf(SPACE, end - 1);
      const text = bytes.toString('latin1', Math.max(space, start) + 1, end).trim();
      const label = /^\d+$/.test(text) ? Number(text) : NaN;
      if (space <= start || !(label < classes)) {
        const got = JSON.stringify(bytes.toString('utf8', start, Math.min(end, start + 120)));
        throw new BadInput(`${file}:${line}: expected a path, a space and a class 0..${classes - 1}, got ${got}`);
      }
      starts.push(start);
      ends.push(space);
      labels.push(label);
    }
    start = end + 1;
  }
  const [from, to] = [Uint32Array.from(starts), Uint32Array.from(ends)];
  return {
    size: labels.length,
    labels: Uint16Array.from(labels),
    sha256: createHash('sha256').update(bytes).digest('hex'),
    path: (line) => bytes.toString('utf8', from[line], to[line]),
  };
}
