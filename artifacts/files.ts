import path from 'node:path';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, open, rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Manifest } from './manifest.ts';
import { placeOf } from './paths.ts';
import type { Json } from '../plan/json.ts';

/** Writes a file so that readers see the old bytes or all of the new ones, also after a power cut. */
export async function atomicWrite(target: string, bytes: string | Uint8Array): Promise<void> {
  await replace(target, async (temporary) => {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
    } finally {
      await file.close();
    }
  });
}

/** Gives `target` the content of `source` in one step: a hard link where the file system can, else a copy. */
export async function atomicPlace(source: string, target: string): Promise<void> {
  await replace(target, async (temporary) => {
    await link(source, temporary).catch(() => copyFile(source, temporary));
  });
}

async function replace(target: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const folder = path.dirname(target);
  await mkdir(folder, { recursive: true });
  const temporary = temporaryName(target);
  try {
    await fill(temporary);
    await sync(temporary);
    await rename(temporary, target);
    // POSIX: renaming one hard link onto another of the same file does nothing and leaves both names.
    await rm(temporary, { force: true });
    await sync(folder);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A name beside `target` that no other writer takes. */
export function temporaryName(target: string): string {
  return `${target}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
}

async function sync(target: string): Promise<void> {
  const handle = await open(target, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The sha256 of a file as hex, read as a stream so that large supernets cost no memory. */
export async function sha256File(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Whether `error` is the operating system's error of that code, such as `ENOENT`. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** A file below the results root (or the project's, in a config), by what it must hold. */
export interface NamedFile {
  readonly file: string;
  readonly sha256: Json;
}

/** Every file of a result with its sha256: outputs, epochs, and what lies beside them. */
export function filesOf({ outputs, epochs, files }: Manifest): NamedFile[] {
  const kept = epochs.flatMap(({ file, sha256 }) => (file === null ? [] : [{ file, sha256 }]));
  return [...namedFiles(outputs ?? {}), ...kept, ...files];
}

/** The files that a value names: outputs name a file beside its sha256, and the files of a ranking beside the map of theirs. */
export function namedFiles(value: Json): NamedFile[] {
  if (typeof value !== 'object' || value === null) return [];
  const entries = new Map<string, Json>(Object.entries(value));
  const sha256 = entries.get('sha256');
  const named = typeof sha256 === 'object' && sha256 !== null ? Object.entries(sha256) : [['file', sha256] as const];
  const files = named.flatMap(([name, hash]) => {
    const file = entries.get(name);
    return typeof file === 'string' && hash !== undefined ? [{ file, sha256: hash }] : [];
  });
  return [...files, ...[...entries.values()].flatMap(namedFiles)];
}

/** The sha256 of a file below the results root; null where there is none, or where its name leads out of the root. */
export async function hashAt(root: string, file: string): Promise<string | null> {
  try {
    return await sha256File(placeOf(root, file));
  } catch {
    return null;
  }
}
