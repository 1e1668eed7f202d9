import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

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
