import { temporaryFolder } from './temporary-folder.ts';
import { FolderStore } from '../../artifacts/folder-store.ts';
import type { HeldStage } from '../../artifacts/stage.ts';
import type { ArtifactStore, ManifestContent } from '../../artifacts/store.ts';

/** Every implementation of the store, each opened empty: what one promises, all do. */
export const implementations: readonly [name: string, open: () => ArtifactStore][] = [
  ['a folder', () => new FolderStore(temporaryFolder())],
];

/** A change of a manifest that comes to the same when it is done twice. */
export const noted =
  (text: string) =>
  (manifest: HeldStage['manifest']): ManifestContent => ({
    ...manifest,
    notices: [...new Set([...manifest.notices, text])],
  });
