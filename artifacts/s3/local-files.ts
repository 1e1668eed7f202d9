import { constants } from 'node:fs';
import { copyFile, link, mkdir, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { BadInput, KnownError } from '../../plan/endings.ts';
import { entriesOf, fillUnsynced, isNoFile, sha256File, sha256Of, sync, temporaryName } from '../files.ts';
import { fileNames, placeOf, storeCache } from '../paths.ts';
import type { NewFile, StoredFile } from '../store.ts';

const GIGABYTE = 1e9;
const USUAL_LIMIT = 50 * GIGABYTE;
/** What was asked for so lately may be in use. */
const IN_USE_MS = 60 * 60_000;

/**
 * What lies on this machine of a store that lies elsewhere: folders for work, files that wait to be sent, and a cache of
 * files by content. Files of the cache were compared with their hash when they came; the least recently used go first
 * when together they are larger than NAS_CACHE_GB allows.
 */
export class LocalFiles {
  /** Stages' folders lie below it as they do in a results folder. */
  readonly work: string;
  readonly #cache: string;

  /** @param root of the store that lies elsewhere: each has files of its own here */
  constructor(root: string) {
    const own = path.join(storeCache(), sha256Of(root).slice(0, 16));
    this.work = path.join(own, 'work');
    this.#cache = path.join(own, 'files');
  }

  /** @throws BadInput where nothing can be written, or the limit is no number */
  async probe(): Promise<void> {
    cacheLimit();
    await mkdir(this.#cache, { recursive: true }).catch((cause: unknown) => {
      throw new BadInput(
        `${this.#cache}: expected a folder for files on this machine, got ${String(cause)}; name another by NAS_CACHE`,
        { cause },
      );
    });
  }

  async workFolder(directory: string): Promise<string> {
    const folder = placeOf(this.work, directory);
    await mkdir(folder, { recursive: true });
    return folder;
  }

  /** Makes a new file, which waits to be sent. `keep` has to be called before it is. */
  async make(directory: string, file: Exclude<NewFile, { copyOf: unknown }>): Promise<StoredFile> {
    const pending = path.join(await this.workFolder(directory), fileNames.pending);
    await mkdir(pending, { recursive: true });
    const waitsAt = temporaryName(path.join(pending, 'file'));
    const sha256 = 'isInPlace' in file ? await this.#copied(file.file, waitsAt) : await fillUnsynced(waitsAt, file);
    const { size: bytes } = await stat(waitsAt);
    return { file: file.file, sha256, bytes, waitsAt };
  }

  /** Waits until a file that was made is on disk; from then on it can be read here. */
  async keep({ sha256, waitsAt }: StoredFile): Promise<void> {
    if (waitsAt === null) return;
    await sync(waitsAt);
    const shared = temporaryName(path.join(this.#cache, sha256));
    await mkdir(this.#cache, { recursive: true });
    await link(waitsAt, shared);
    await this.enter(shared, sha256);
  }

  // A program may go on writing to its own file.
  async #copied(file: string, to: string): Promise<string> {
    await copyFile(placeOf(this.work, file), to, constants.COPYFILE_FICLONE).catch((cause: unknown) => {
      if (isNoFile(cause)) throw new KnownError('Crashed', `${file}: expected a file, got none`, { cause });
      throw cause;
    });
    return await sha256File(to);
  }

  /** Drops what waits to be sent from there. */
  async dropWaiting(directory: string): Promise<void> {
    await rm(path.join(placeOf(this.work, directory), fileNames.pending), { recursive: true, force: true });
  }

  /** Drops all that attempts at the stage have left here. */
  async dropWork(directory: string): Promise<void> {
    await rm(placeOf(this.work, directory), { recursive: true, force: true });
  }

  /** Removes all of it. */
  async remove(): Promise<void> {
    await rm(path.dirname(this.work), { recursive: true, force: true });
  }

  /** The cached file with that hash, which counts as used just now; null where there is none. */
  async cached(sha256: string): Promise<string | null> {
    const place = path.join(this.#cache, sha256);
    const now = new Date();
    try {
      await utimes(place, now, now);
      return place;
    } catch (error) {
      if (isNoFile(error)) return null;
      throw error;
    }
  }

  /** A name for a file that comes in. */
  async incoming(sha256: string): Promise<string> {
    await mkdir(this.#cache, { recursive: true });
    return temporaryName(path.join(this.#cache, sha256));
  }

  /** Makes a file that has come in part of the cache; its place there. */
  async enter(file: string, sha256: string): Promise<string> {
    const place = path.join(this.#cache, sha256);
    await rename(file, place);
    const now = new Date();
    await utimes(place, now, now);
    await this.#makeRoom();
    return place;
  }

  async #makeRoom(): Promise<void> {
    const files = await Promise.all(
      (await entriesOf(this.#cache)).map(async (name) => {
        const place = path.join(this.#cache, name);
        const found = await stat(place).catch(() => null);
        return found === null ? [] : [{ place, bytes: found.size, used: found.mtimeMs }];
      }),
    );
    let held = files.flat().reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { place, bytes, used } of files.flat().toSorted((a, b) => a.used - b.used)) {
      if (held <= cacheLimit() || used > Date.now() - IN_USE_MS) return;
      await rm(place, { force: true });
      held -= bytes;
    }
  }
}

/** How many bytes the cache of each store may hold. @throws BadInput where NAS_CACHE_GB is no number */
export function cacheLimit(): number {
  const said = process.env['NAS_CACHE_GB'];
  if (said === undefined || said === '') return USUAL_LIMIT;
  if (/^\d+(\.\d+)?$/.test(said)) return Number(said) * GIGABYTE;
  throw new BadInput(`NAS_CACHE_GB: expected gigabytes, such as 50, got ${JSON.stringify(said)}; correct it`);
}
