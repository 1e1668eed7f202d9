import { readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno, KnownError } from '../plan/endings.ts';
import { entriesOf } from './files.ts';
import { unlistedMetrics } from './first-release.ts';
import { ManifestError, parseManifest } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { fileNames, LARGEST_MANIFEST, manifestName, manifestNumber, placeOf, segmentsOf } from './paths.ts';

/** Newest manifests that stay: who reads one finds it though the next ones are being written. */
export const KEPT = 3;

/** Reads the numbered manifests of stages' folders: the one with the largest number counts. */
export class FolderManifests {
  readonly #root: string;
  /** By directory: what was read, and the state of its file then. */
  readonly #known = new Map<string, { readonly stamp: string; readonly manifest: Manifest }>();

  constructor(root: string) {
    this.#root = root;
  }

  async read(directory: string): Promise<Manifest | null> {
    // Names alone; a file is opened only once its whole path is known to stay below the root.
    const folder = path.join(this.#root, ...segmentsOf(directory));
    for (let tried = 0; tried < 200; tried++) {
      const newest = await newestIn(folder);
      const found = await this.#parsed(directory, newest);
      if (found !== null || newest === 0) return found;
      // It was swept away between our two looks, or NFS shows an old state of the folder.
      await sleep(10 + tried);
    }
    throw new KnownError('Crashed', `${directory}: expected to read its newest manifest, got others each time`);
  }

  /** A manifest by its number; one that has not changed since it was read is not read again. Null where there is none. */
  async #parsed(directory: string, sequence: number): Promise<Manifest | null> {
    const file = `${directory}/${manifestName(sequence)}`;
    const place = placeOf(this.#root, file);
    try {
      const { ino, mtimeMs, size } = await stat(place);
      if (size > LARGEST_MANIFEST) {
        throw new ManifestError(`${file}: expected at most 64 MiB, got ${size} bytes; remove it`);
      }
      const stamp = `${sequence} ${ino} ${mtimeMs} ${size}`;
      const known = this.#known.get(directory);
      if (known?.stamp === stamp) return known.manifest;
      const parsed = { ...parseManifest(await readFile(place, 'utf8'), file), sequence };
      const manifest = sequence > 0 ? parsed : { ...parsed, extras: await unlistedMetrics(this.#root, directory) };
      this.#known.set(directory, { stamp, manifest });
      return manifest;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return null;
      throw error;
    }
  }
}

export async function newestIn(folder: string): Promise<number> {
  return Math.max(0, ...(await entriesOf(folder)).map(manifestNumber));
}

export async function sweepManifests(folder: string, newest: number): Promise<void> {
  const old = (await entriesOf(folder)).filter((name) => {
    const number = manifestNumber(name);
    return name === fileNames.firstManifest || (number > 0 && number <= newest - KEPT);
  });
  await Promise.all(old.map((name) => rm(path.join(folder, name), { force: true })));
}
