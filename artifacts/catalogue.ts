import { ManifestError } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { checkRunId } from './paths.ts';
import { openStore } from './results.ts';
import { BadInput } from '../plan/endings.ts';
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

/** The stages of a run whose results are asked for. @throws BadInput where none lies there */
export async function stagesOfRun(root: string, run: string): Promise<CataloguedStage[]> {
  const found = await catalogue(root, checkRunId(run));
  if (found.length > 0) return found;
  throw new BadInput(
    `run ${run}: expected results below ${root}, got none; \`nas list\` shows the runs, NAS_RESULTS names another folder`,
  );
}

/** Were thousands read at once, their texts would all be in memory together. */
const AT_ONCE = 16;

/** The stage that RUN/FOLDER names, or else RUN/STAGE by its id in the pipeline; undefined where several cells have that id. */
export function stageNamed(stages: readonly CataloguedStage[], name: string): CataloguedStage | undefined {
  const byId = stages.filter(({ directory, manifest }) => `${runOf(directory)}/${manifest.stage}` === name);
  return stages.find(({ directory }) => directory === name) ?? (byId.length === 1 ? byId[0] : undefined);
}

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
