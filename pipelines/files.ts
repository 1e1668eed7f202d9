/** Files that a pipeline names, always below the project root. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';

const LARGEST_BYTES = 64 * 1024 * 1024;

/** Why a file cannot be used: `expected …, got …; remedy`. */
export class FileError extends Error {
  override readonly name = 'FileError';
}

export interface ProjectFile {
  readonly text: string;
  readonly sha256: string;
}

/** The repository: configs/, pipelines/ and whatever a pipeline refers to lie below it. */
export const PROJECT_ROOT = path.resolve(import.meta.dirname, '..');

/** Reads a file named relative to `root`. Throws FileError as `projectPlace`, and for one over 64 MiB. */
export function readProjectFile(root: string, relative: string): ProjectFile {
  const place = projectPlace(root, relative);
  const { size } = statSync(place);
  if (size > LARGEST_BYTES)
    throw new FileError(`expected at most 64 MiB, got ${size} bytes at ${JSON.stringify(relative)}; split it`);
  const bytes = readFileSync(place);
  return { text: bytes.toString('utf8'), sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** The absolute path of a file named relative to `root`. Throws FileError: absolute, `..`, a link out of the root, no file. */
export function projectPlace(root: string, relative: string): string {
  if (path.isAbsolute(relative) || relative.includes('\0') || relative.split(/[\\/]/).includes('..')) {
    throw new FileError(
      `expected a path below the project folder, got ${JSON.stringify(relative)}; write it relative to that, without ..`,
    );
  }
  const place = path.join(root, relative);
  const stats = statSync(place, { throwIfNoEntry: false });
  if (!stats?.isFile()) {
    throw new FileError(
      `expected a file, got ${stats ? 'a folder' : 'none'} at ${JSON.stringify(relative)}; correct the path`,
    );
  }
  if (!realpathSync(place).startsWith(realpathSync(root) + path.sep)) {
    throw new FileError(
      `expected a file below the project folder, got a link out of it at ${JSON.stringify(relative)}; copy the file`,
    );
  }
  return place;
}

/** Names of the .yml files in a folder below the root, without their ending. */
export function namesIn(root: string, folder: string): string[] {
  const files = readdirSync(path.join(root, folder), { withFileTypes: true });
  return files.flatMap((entry) => (entry.name.endsWith('.yml') ? [entry.name.slice(0, -4)] : [])).toSorted();
}
