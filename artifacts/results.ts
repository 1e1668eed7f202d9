import { copyFile, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { FileReference } from './references.ts';
import { FolderStore } from './folder-store.ts';
import type { Manifest } from './manifest.ts';
import { isS3 } from './paths.ts';
import { S3Store } from './s3/s3-store.ts';
import { ThreadedStore } from './s3/threaded-store.ts';
import type { ArtifactStore } from './store.ts';

const stores = new Map<string, ArtifactStore>();

/**
 * The store at a root: `s3://…`, or a folder, by its absolute path. Asked twice, it is the same object, which knows what
 * it has read. @throws BadInput for an address that cannot be used
 */
export function openStore(root: string): ArtifactStore {
  const place = isS3(root) ? root : path.resolve(root);
  const store = stores.get(place) ?? (isS3(root) ? new S3Store(place) : new FolderStore(place));
  stores.set(place, store);
  return store;
}

/** The same for a process whose own thread is busy for seconds at a time. */
export function openStoreAside(root: string): ArtifactStore {
  return isS3(root) ? new ThreadedStore(root) : openStore(root);
}

/** Removes a store with all that is in it, and what lies of it on this machine. */
export async function removeStore(root: string): Promise<void> {
  if (isS3(root)) await new S3Store(root).removeAll();
  else await rm(path.resolve(root), { recursive: true, force: true });
}

/** The text of a result. @throws BadInput where there is none, or one with other bytes than it is named for */
export async function readResult(root: string, file: FileReference): Promise<string> {
  return await readFile(await openStore(root).fetch(file), 'utf8');
}

/** The path on this machine under which other programs open a result: a browser goes by the end of its name. */
export async function openablePath(root: string, file: FileReference): Promise<string> {
  const store = openStore(root);
  const fetched = await store.fetch(file);
  if (!store.isFar) return fetched;
  const place = path.join(await store.workFolder(path.posix.dirname(file.file)), path.posix.basename(file.file));
  await copyFile(fetched, place);
  return place;
}

/** The newest manifest of a stage; null where there is none. @throws ManifestError */
export async function readManifest(root: string, directory: string): Promise<Manifest | null> {
  return await openStore(root).read(directory);
}
