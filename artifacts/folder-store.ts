import { randomBytes } from 'node:crypto';
import type { FileReference } from './references.ts';
import { link, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { BadInput, FileFault, isErrno } from '../plan/endings.ts';
import {
  copyWhole,
  entriesOf,
  fillNew,
  isNoFile,
  linkFirst,
  linkOrCopy,
  logsIn,
  sha256File,
  sync,
  temporaryName,
  verifiedFile,
  writeNew,
} from './files.ts';
import { clearFrom, leftoversIn } from './folder-leftovers.ts';
import { FolderIndex } from './folder-index.ts';
import { FolderManifests, KEPT, newestIn, sweepManifests } from './folder-manifests.ts';
import type { Leftover } from './leftovers.ts';
import { allFilesOf, nextManifest } from './manifest.ts';
import type { Manifest, ManifestContent } from './manifest.ts';
import { fileNames, manifestName, manifestNumber, placeOf } from './paths.ts';
import type { ArtifactStore, NewFile, StoredFile } from './store.ts';

/**
 * Results in a folder that all workers see, on a disk or on NFS: `<run>/<stage>/` with its files under the names that
 * people know. A stage's manifest is `manifest.<n>.json`; the one with the largest number counts. The next one appears
 * by a hard link, whole or not at all, and the file system gives each number to one writer only. New files wait in
 * `.pending`, named by their content, until a manifest names them: an attempt that was overtaken never touches a file
 * that has its name, and whoever claims the stage after a kill finds what to complete.
 */
export class FolderStore implements ArtifactStore {
  readonly root: string;
  readonly isFar = false;
  readonly #index: FolderIndex;
  readonly #manifests: FolderManifests;

  /** @param root absolute; made when something is written */
  constructor(root: string) {
    this.root = root;
    this.#manifests = new FolderManifests(root);
    this.#index = new FolderIndex(root, async (directory) => await this.read(directory));
  }

  async probe(): Promise<void> {
    const [one, other, name] = ['one', 'other', 'name'].map((what) => temporaryName(path.join(this.root, `.${what}`)));
    try {
      await mkdir(this.root, { recursive: true });
      await Promise.all([writeNew(one!, ''), writeNew(other!, '')]);
      const answers = [await linkFirst(one!, name!), await linkFirst(other!, name!)];
      if (answers.join() !== 'true,false') throw new Error('one where a link replaces a file');
    } catch (error) {
      throw new BadInput(
        `${this.root}: expected a folder for results where files can be written and hard links made, got ${String(error)}; name another folder by NAS_RESULTS`,
        { cause: error },
      );
    } finally {
      await Promise.all([one, other, name].map((file) => rm(file!, { force: true }).catch(() => undefined)));
    }
  }

  async read(directory: string): Promise<Manifest | null> {
    return await this.#manifests.read(directory);
  }

  async swap(
    directory: string,
    seen: Manifest | null,
    next: ManifestContent,
    files: readonly StoredFile[] = [],
  ): Promise<Manifest | null> {
    const folder = placeOf(this.root, directory);
    const manifest = nextManifest(directory, seen, next);
    const { sequence } = manifest;
    const pending = await this.#pendingFolder(directory);
    const temporary = path.join(pending, `manifest.${manifest.nonce}`);
    await writeNew(temporary, `${JSON.stringify(manifest, null, 1)}\n`);
    // The files that it names are there before it is.
    await sync(pending);
    const isFirst = await linkFirst(temporary, path.join(folder, manifestName(sequence)));
    await rm(temporary, { force: true });
    if (!isFirst) return null;
    await sync(folder);
    // After a long sleep our number may have been given before and swept away: then others are far ahead.
    if ((await newestIn(folder)) >= sequence + KEPT) return null;
    await this.#place(files);
    await this.#drop(directory, seen, manifest);
    await sweepManifests(folder, sequence);
    return manifest;
  }

  async put(directory: string, file: NewFile): Promise<StoredFile> {
    const place = placeOf(this.root, file.file);
    if ('isInPlace' in file) {
      const sha256 = await sha256File(place);
      await sync(place);
      return { file: file.file, sha256, bytes: (await stat(place)).size, waitsAt: null };
    }
    const fresh = path.join(await this.#pendingFolder(directory), randomBytes(8).toString('hex'));
    try {
      const sha256 = await fill(fresh, file, this.root);
      const { size: bytes } = await stat(fresh);
      const waitsAt = path.join(path.dirname(fresh), `${sha256}.${path.basename(fresh)}`);
      await rename(fresh, waitsAt);
      return { file: file.file, sha256, bytes, waitsAt };
    } catch (error) {
      await rm(fresh, { force: true });
      throw error;
    }
  }

  async discard(files: readonly StoredFile[]): Promise<void> {
    await Promise.all(files.map(async ({ waitsAt }) => waitsAt !== null && (await rm(waitsAt, { force: true }))));
  }

  async complete(directory: string, manifest: Manifest): Promise<void> {
    const pending = path.join(placeOf(this.root, directory), fileNames.pending);
    const named = allFilesOf(manifest);
    for (const entry of await entriesOf(pending)) {
      const waitsAt = path.join(pending, entry);
      for (const { file } of named.filter(({ sha256 }) => entry.startsWith(`${sha256}.`))) {
        const copy = temporaryName(waitsAt);
        await link(waitsAt, copy);
        await this.#place([{ file, waitsAt: copy }]);
      }
    }
  }

  async sweep(directory: string): Promise<void> {
    const folder = placeOf(this.root, directory);
    const pending = path.join(folder, fileNames.pending);
    await Promise.all((await entriesOf(pending)).map((entry) => rm(path.join(pending, entry), { force: true })));
    // Release 0.1.0 left half-written files beside the others.
    const stale = (await entriesOf(folder)).filter((entry) => entry.endsWith('.tmp'));
    await Promise.all(stale.map((entry) => rm(path.join(folder, entry), { force: true })));
  }

  async setAside(directory: string, { fingerprint, sequence }: Manifest): Promise<void> {
    const folder = placeOf(this.root, directory);
    const target = path.join(folder, fileNames.setAside, `${fingerprint.slice(0, 12)}-${sequence}`);
    await mkdir(target, { recursive: true });
    for (const entry of await readdir(folder)) {
      if (entry === fileNames.setAside || entry === fileNames.pending || manifestNumber(entry) > 0) continue;
      await rename(path.join(folder, entry), path.join(target, entry));
    }
    const manifest = path.join(folder, manifestName(sequence));
    await linkFirst(manifest, path.join(target, fileNames.firstManifest));
    await sync(target);
    await sync(folder);
  }

  async hashOf({ file }: FileReference, signal?: AbortSignal): Promise<string | null> {
    try {
      return await sha256File(placeOf(this.root, file), signal);
    } catch (error) {
      if (isNoFile(error) || error instanceof BadInput) return null;
      throw signal?.aborted === true ? error : new FileFault(file, error);
    }
  }

  async has(file: FileReference): Promise<boolean> {
    return (await this.bytesOf(file)) !== null;
  }

  async bytesOf({ file }: FileReference): Promise<number | null> {
    try {
      const found = await stat(placeOf(this.root, file));
      return found.isFile() ? found.size : null;
    } catch (error) {
      if (isNoFile(error) || error instanceof BadInput) return null;
      throw error;
    }
  }

  async fetch(file: FileReference): Promise<string> {
    return await verifiedFile(placeOf(this.root, file.file), file, 'run the stage that makes it again');
  }

  async publish({ file }: FileReference, from: string): Promise<void> {
    const place = placeOf(this.root, file);
    await mkdir(path.dirname(place), { recursive: true });
    await copyWhole(from, place);
    await sync(place);
    await sync(path.dirname(place));
  }

  async workFolder(directory: string): Promise<string> {
    const folder = placeOf(this.root, directory);
    await mkdir(folder, { recursive: true });
    return folder;
  }

  async logs(directory: string): Promise<string[]> {
    return await logsIn(placeOf(this.root, directory));
  }

  async keepLogs(): Promise<void> {
    // They are where they are kept.
  }

  async stages(run?: string): Promise<string[]> {
    return await this.#index.stages(run);
  }

  async leftovers(): Promise<Leftover[]> {
    return await leftoversIn(this.root, await this.stages());
  }

  async clear(leftovers: readonly Leftover[]): Promise<void> {
    await clearFrom(this.root, leftovers);
  }

  async remember(fingerprint: string, directory: string): Promise<void> {
    await this.#index.add(fingerprint, directory);
  }

  async recall(fingerprints: readonly string[]): Promise<string[][]> {
    return await this.#index.find(fingerprints);
  }

  async #pendingFolder(directory: string): Promise<string> {
    const folder = path.join(placeOf(this.root, directory), fileNames.pending);
    await mkdir(folder, { recursive: true });
    return folder;
  }

  // A rename replaces what an earlier change had put there. What is gone was placed by whoever claimed the stage since.
  async #place(files: readonly Pick<StoredFile, 'file' | 'waitsAt'>[]): Promise<void> {
    const folders = new Set<string>();
    for (const { file, waitsAt } of files) {
      if (waitsAt === null) continue;
      const place = placeOf(this.root, file);
      await mkdir(path.dirname(place), { recursive: true });
      await rename(waitsAt, place).catch((error: unknown) => {
        if (!isErrno(error, 'ENOENT')) throw error;
      });
      folders.add(path.dirname(place));
    }
    await Promise.all([...folders].map(sync));
  }

  async #drop(directory: string, seen: Manifest | null, manifest: Manifest): Promise<void> {
    const named = new Set(allFilesOf(manifest).map(({ file }) => file));
    const dropped = seen === null ? [] : allFilesOf(seen).filter(({ file }) => !named.has(file));
    const ours = dropped.filter(({ file }) => file.startsWith(`${directory}/`));
    await Promise.all(ours.map(({ file }) => rm(placeOf(this.root, file), { force: true })));
  }
}

/** Makes the file `fresh`, durably; its sha256. */
async function fill(fresh: string, file: Exclude<NewFile, { isInPlace: true }>, root: string): Promise<string> {
  if (!('copyOf' in file)) return await fillNew(fresh, file);
  const source = placeOf(root, file.copyOf.file);
  await linkOrCopy(source, fresh);
  return file.copyOf.sha256;
}
