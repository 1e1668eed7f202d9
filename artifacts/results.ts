import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { FileReference } from './references.ts';
import { FolderStore } from './folder-store.ts';
import type { Manifest } from './manifest.ts';
import type { ArtifactStore } from './store.ts';

const stores = new Map<string, ArtifactStore>();

/** The store at a root: a folder, by its absolute path. Asked twice, it is the same object, which knows what it has read. */
export function openStore(root: string): ArtifactStore {
  const place = path.resolve(root);
  const store = stores.get(place) ?? new FolderStore(place);
  stores.set(place, store);
  return store;
}

/** The text of a result. @throws BadInput where there is none, or one with other bytes than it is named for */
export async function readResult(root: string, file: FileReference): Promise<string> {
  return await readFile(await openStore(root).fetch(file), 'utf8');
}

/** The newest manifest of a stage; null where there is none. @throws ManifestError */
export async function readManifest(root: string, directory: string): Promise<Manifest | null> {
  return await openStore(root).read(directory);
}
