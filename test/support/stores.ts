import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { temporaryFolder } from './temporary-folder.ts';
import { FolderStore } from '../../artifacts/folder-store.ts';
import { S3Store } from '../../artifacts/s3/s3-store.ts';
import { allFilesOf } from '../../artifacts/manifest.ts';
import type { ManifestContent } from '../../artifacts/manifest.ts';
import type { HeldStage } from '../../artifacts/stage.ts';
import type { ArtifactStore } from '../../artifacts/store.ts';
import { Gateway, keys } from './gateway.ts';

let gateway: Promise<Gateway> | undefined;

/** A store in a bucket, empty, with a cache of its own; its gateway is started at the first call and ends with the file's tests. */
async function emptyBucket(): Promise<S3Store> {
  Object.assign(process.env, keys, { NAS_CACHE: temporaryFolder() });
  gateway ??= Gateway.start();
  return new S3Store((await gateway).root(randomBytes(6).toString('hex')));
}

/** To be called when a file's tests have ended. */
export async function endGateway(): Promise<void> {
  await (await gateway)?.remove();
}

/** The folder on this machine that holds all that the store does. */
export async function filesBelow(store: ArtifactStore): Promise<string> {
  return store instanceof S3Store ? path.join((await gateway)?.folder ?? '', 'data') : store.root;
}

type Implementation = readonly [name: string, open: () => Promise<ArtifactStore>];
const folder: Implementation = ['a folder', async () => new FolderStore(temporaryFolder())];
const bucket: Implementation = ['a bucket', emptyBucket];

/** The implementation of the store that is tested, opened empty: a folder with `npm test`, a bucket with `npm run test:s3`. */
export const implementations: readonly Implementation[] = process.env['NAS_S3'] === '1' ? [bucket] : [folder];

/** A change of a manifest that comes to the same when it is done twice. */
export const noted =
  (text: string) =>
  (manifest: HeldStage['manifest']): ManifestContent => ({
    ...manifest,
    notices: [...new Set([...manifest.notices, text])],
  });

/** Whether every file that the stage's manifest names is there with its bytes. */
export async function isWhole(store: ArtifactStore, of: string): Promise<boolean> {
  const manifest = await store.read(of);
  const found = await Promise.all(
    allFilesOf(manifest!).map(async (file) => (await store.hashOf(file)) === file.sha256),
  );
  return found.every(Boolean);
}
