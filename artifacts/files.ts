import { createHash, randomBytes } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import type { Stats } from 'node:fs';
import { copyFile, link, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { BadInput, FileFault, isErrno } from '../plan/endings.ts';
import { logName, rankOfLog } from './paths.ts';

// Files that survive a crash: whatever was acknowledged is on disk, whole, under its name.

/** Writes a file so that readers see the old bytes or all of the new ones, also after a power cut. */
export async function atomicWrite(target: string, bytes: string | Uint8Array): Promise<void> {
  const folder = path.dirname(target);
  await mkdir(folder, { recursive: true });
  const temporary = temporaryName(target);
  try {
    await writeNew(temporary, bytes);
    await rename(temporary, target);
    await sync(folder);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Writes a file that does not exist yet, and waits until its bytes are on disk. */
export async function writeNew(file: string, bytes: string | Uint8Array): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

type Source = { readonly content: string | Uint8Array } | { readonly write: (path: string) => unknown };

/** Makes a file that does not exist yet, of bytes or by a function that writes it and may say its hash; its sha256. */
export async function fillNew(file: string, source: Source): Promise<string> {
  const sha256 = await fillUnsynced(file, source);
  await sync(file);
  return sha256;
}

/** The same for whoever waits later until its bytes are on disk. */
export async function fillUnsynced(file: string, source: Source): Promise<string> {
  if ('content' in source) {
    await writeFile(file, source.content, { flag: 'wx' });
    return sha256Of(source.content);
  }
  const said = await source.write(file);
  const knows = typeof said === 'object' && said !== null && 'sha256' in said && typeof said.sha256 === 'string';
  return knows ? String(said.sha256) : await sha256File(file);
}

/** Waits until a file's bytes, or a folder's names, are on disk. */
export async function sync(target: string): Promise<void> {
  const handle = await open(target, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A name beside `target` that no other writer takes. */
export function temporaryName(target: string): string {
  return `${target}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`;
}

const LINK_TRIES = 5;

/**
 * Gives the file `source`, which has no other name, the name `target` as well, unless something has that name: then
 * false. Of many processes, on many machines, exactly one gets true. NFS may lose the answer to a request that it has
 * carried out, and report an error; the number of names that the file has tells the truth.
 */
export async function linkFirst(source: string, target: string): Promise<boolean> {
  for (let tried = 1; ; tried++) {
    try {
      await link(source, target);
      return true;
    } catch (error) {
      const names = (await statOf(source))?.nlink ?? 0;
      if (names > 1) return true;
      // Without a name of its own it was swept away by somebody who holds the folder by now.
      if (names === 0 || isErrno(error, 'EEXIST')) return false;
      if (tried === LINK_TRIES) throw error;
      await sleep(50 * tried);
    }
  }
}

/** Copies a file, which has its new name when all of it is there. */
export async function copyWhole(from: string, to: string): Promise<void> {
  const temporary = temporaryName(to);
  try {
    await copyFile(from, temporary, constants.COPYFILE_FICLONE);
    await rename(temporary, to);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Gives a file's bytes a second name, durably: not every user may link every other's files. */
export async function linkOrCopy(source: string, target: string): Promise<void> {
  await link(source, target).catch(async () => await copyFile(source, target));
  await sync(target);
}

/** What the system says of a file; null where there is none. */
export async function statOf(file: string): Promise<Stats | null> {
  try {
    return await stat(file);
  } catch (error) {
    if (isNoFile(error)) return null;
    throw error;
  }
}

/** The names in a folder; none where there is no folder. */
export async function entriesOf(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isNoFile(error)) return [];
    throw error;
  }
}

/** The logs of a stage's processes in its folder, by rank. */
export async function logsIn(folder: string): Promise<string[]> {
  const ranks = (await entriesOf(folder)).map(rankOfLog).filter((rank) => rank !== null);
  return ranks.toSorted((a, b) => a - b).map((rank) => path.join(folder, logName(rank)));
}

/** The sha256 of a file as hex, read as a stream so that large supernets cost no memory. */
export async function sha256File(file: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash, { signal });
  return hash.digest('hex');
}

/**
 * The path of a file once it is sure to have the bytes it is named for.
 * @param remedy what to do where it has not
 * @throws BadInput where there is no file, or one with other bytes; FileFault for whatever else the system says
 */
export async function verifiedFile(
  place: string,
  { file, sha256 }: { readonly file: string; readonly sha256: string },
  remedy: string,
): Promise<string> {
  const found = await sha256File(place).catch((cause: unknown) => {
    if (!isNoFile(cause)) throw new FileFault(file, cause);
    throw new BadInput(`${file}: expected a file, got ${String(cause)}; ${remedy}`, { cause });
  });
  if (found === sha256) return place;
  throw new BadInput(`${file}: expected sha256 ${sha256}, got ${found}; ${remedy}`);
}

/** The sha256 of a text in UTF-8, or of bytes, as hex. */
export function sha256Of(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** Whether it says that there is no such file. Whatever else a system says of a file may pass: it is tried again. */
export function isNoFile(error: unknown): boolean {
  return isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG');
}
