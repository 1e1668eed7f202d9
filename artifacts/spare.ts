import type { Keepable } from '../plan/plan.ts';
import type { CataloguedStage } from './catalogue.ts';
import { catalogue, runOf } from './catalogue.ts';
import { namedFiles } from './manifest.ts';
import type { Manifest, ManifestContent } from './manifest.ts';
import type { ArtifactStore } from './store.ts';

/** Something that takes room and that no result needs. */
export interface Spare {
  readonly what: string;
  /** The stage whose it is, or its place in the store. */
  readonly of: string;
  readonly bytes: number;
  readonly free: () => Promise<void>;
}

/** What is known of runs by their ids. */
export interface KnownRuns {
  /** Those that ended well. */
  readonly done: ReadonlySet<string>;
  /** Those that are not over; null where nobody knows. */
  readonly open: ReadonlySet<string> | null;
}

/**
 * What takes room in the store though no result needs it. What a manifest names otherwise is never part of it, be it of
 * another run, nor what a stage was made of, nor what the pipeline of its run keeps.
 */
export async function spareIn(store: ArtifactStore, runs: KnownRuns): Promise<Spare[]> {
  const stages = await catalogue(store.root);
  const needed = new Set(stages.flatMap(({ manifest }) => neededOf(manifest)));
  const free = (what: Keepable): CataloguedStage[] =>
    stages.filter(({ manifest }) => manifest.state === 'done' && !keeps(manifest, what));
  const checkpoints = free('checkpoints').filter(({ directory }) => isOver(runOf(directory), runs));
  const epochs = free('epochs').filter(({ directory }) => runs.done.has(runOf(directory)));
  const keepers = new Set(
    stages.filter(({ manifest }) => keeps(manifest, 'set-aside')).map(({ directory }) => directory),
  );
  const leftovers = (await store.leftovers()).filter(({ stage }) => stage === null || !keepers.has(stage));
  return [
    ...(await Promise.all(checkpoints.map(async (stage) => await checkpointsOf(store, stage)))).flat(),
    ...epochs.flatMap((stage) => unchosenOf(store, stage, needed)),
    ...leftovers.map((leftover) => ({
      what: leftover.what,
      of: leftover.place,
      bytes: leftover.bytes,
      free: async () => await store.clear([leftover]),
    })),
  ];
}

/** Whether neither the run is open nor one that runs it as a sub-pipeline. */
function isOver(run: string, { open }: KnownRuns): boolean {
  if (open === null) return false;
  const names = run.split('.');
  return names.every((_, at) => !open.has(names.slice(0, at + 1).join('.')));
}

function keeps({ origin }: Manifest, what: Keepable): boolean {
  return origin?.keep?.includes(what) === true;
}

/** Hashes of what a stage passes on, and of what it was made of: never to be freed, whoever else has made the same. */
function neededOf({ outputs, config, files }: Manifest): string[] {
  return [...namedFiles(outputs ?? {}), ...namedFiles(config), ...files].map(({ sha256 }) => sha256);
}

// A stage that is done never goes on from a checkpoint.
async function checkpointsOf(store: ArtifactStore, { directory, manifest }: CataloguedStage): Promise<Spare[]> {
  const { checkpoints } = manifest;
  if (checkpoints.length === 0) return [];
  const sizes = await Promise.all(checkpoints.map((file) => store.bytesOf(file)));
  const bytes = sizes.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  const free = async (): Promise<void> => await forget(store, directory, withoutCheckpoints);
  return [{ what: 'checkpoints', of: directory, bytes, free }];
}

const withoutCheckpoints = (found: Manifest): ManifestContent => ({ ...found, checkpoints: [] });

/** Supernets of epochs that were not chosen; what was measured of them stays. */
function unchosenOf(
  store: ArtifactStore,
  { directory, manifest }: CataloguedStage,
  needed: ReadonlySet<string>,
): Spare[] {
  if (manifest.selection === null) return [];
  const isSpare = ({ file, sha256 }: Manifest['epochs'][number]): boolean =>
    file !== null && sha256 !== null && !needed.has(sha256);
  const spare = manifest.epochs.filter(isSpare);
  if (spare.length === 0) return [];
  const without = (found: Manifest): ManifestContent => ({
    ...found,
    epochs: found.epochs.map((one) => (isSpare(one) ? { ...one, file: null, sha256: null, bytes: null } : one)),
  });
  const bytes = spare.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
  const what = `${spare.length} epoch${spare.length === 1 ? '' : 's'} that nobody chose`;
  return [{ what, of: directory, bytes, free: async () => await forget(store, directory, without) }];
}

/** Makes the manifest of a stage that is done forget files; nothing happens where it is at work again. */
async function forget(
  store: ArtifactStore,
  directory: string,
  change: (manifest: Manifest) => ManifestContent,
): Promise<void> {
  const seen = await store.read(directory);
  // Who has swapped it meanwhile is at work on it: another time then.
  if (seen?.state === 'done') await store.swap(directory, seen, change(seen));
}
