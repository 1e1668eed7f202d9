import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { ManifestError, readManifest } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { fileNames } from './paths.ts';

/** A stage below the results root, of any run. */
export interface CataloguedStage {
  /** Relative to the results root; its first segment is the run. */
  readonly directory: string;
  readonly manifest: Manifest;
}

/** Runs lie below the root, stages below them; a program's own folders may lie deeper still and hold anything. */
const DEEPEST = 6;
const notStages: ReadonlySet<string> = new Set([fileNames.setAside, fileNames.checkpoints, 'chunks']);

/** By absolute path: what was read, and the state of the file then. */
const known = new Map<string, { readonly stamp: string; readonly found: CataloguedStage | null }>();

/**
 * Every stage that has a manifest, of all runs below the results root, in the order of their directories. Manifests that
 * cannot be read are left out; those that did not change since the last call are not read again.
 */
export async function catalogue(root: string): Promise<CataloguedStage[]> {
  const directories = await stageDirectories(root, '', 0);
  const found = await Promise.all(directories.map((directory) => stageAt(root, directory)));
  return found.filter((stage) => stage !== null).toSorted((a, b) => (a.directory < b.directory ? -1 : 1));
}

/** The run that a directory, or a file, belongs to. */
export function runOf(reference: string): string {
  return reference.split('/')[0] ?? '';
}

async function stageDirectories(root: string, directory: string, depth: number): Promise<string[]> {
  const entries = await readdir(path.join(root, directory), { withFileTypes: true }).catch(() => []);
  const own = depth > 0 && entries.some((entry) => entry.isFile() && entry.name === fileNames.manifest);
  const folders = entries.filter((entry) => entry.isDirectory() && !notStages.has(entry.name));
  const below =
    depth === DEEPEST
      ? []
      : await Promise.all(
          folders.map(({ name }) =>
            stageDirectories(root, directory === '' ? name : `${directory}/${name}`, depth + 1),
          ),
        );
  return [...(own ? [directory] : []), ...below.flat()];
}

/** One stage by its directory, as `catalogue` sees it; null where there is none that can be read. */
async function stageAt(root: string, directory: string): Promise<CataloguedStage | null> {
  const file = path.join(root, directory, fileNames.manifest);
  const stats = await stat(file).catch(() => null);
  if (stats === null) return null;
  // Manifests are replaced whole, so a changed one is another file.
  const stamp = `${stats.ino} ${stats.mtimeMs} ${stats.size}`;
  const before = known.get(file);
  if (before?.stamp === stamp) return before.found;
  const manifest = await readManifest(root, directory).catch((error: unknown) => {
    if (error instanceof ManifestError) return null;
    throw error;
  });
  const found = manifest === null ? null : { directory, manifest };
  known.set(file, { stamp, found });
  return found;
}
