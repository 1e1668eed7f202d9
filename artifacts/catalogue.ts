import { ManifestError } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { openStore } from './results.ts';
import type { ArtifactStore } from './store.ts';

/** A stage of any run. */
export interface CataloguedStage {
  /** Relative to the results root; its first segment is the run. */
  readonly directory: string;
  readonly manifest: Manifest;
}

/**
 * Every stage that has a manifest, of one run or of all, in the order of their directories. Manifests that cannot be read
 * are left out.
 */
export async function catalogue(root: string, run?: string): Promise<CataloguedStage[]> {
  const store = openStore(root);
  const directories = await store.stages(run);
  const found: (CataloguedStage | null)[] = [];
  const row = directories.entries();
  const readNext = async (): Promise<void> => {
    // All readers draw from one row.
    for (const [at, directory] of row) found[at] = await stageAt(store, directory);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, readNext));
  return found.filter((stage) => stage !== null);
}

/** Were thousands read at once, their texts would all be in memory together. */
const AT_ONCE = 16;

/** One stage by its directory; null where there is none that can be read. */
export async function stageAt(store: ArtifactStore, directory: string): Promise<CataloguedStage | null> {
  try {
    const manifest = await store.read(directory);
    return manifest === null ? null : { directory, manifest };
  } catch (error) {
    if (error instanceof ManifestError) return null;
    throw error;
  }
}

/** The run that a directory, or a file, belongs to. */
export function runOf(reference: string): string {
  return reference.split('/')[0] ?? '';
}
