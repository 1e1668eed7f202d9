import pc from 'picocolors';
import { Option } from 'commander';
import type { Command } from 'commander';
import { catalogue, runOf } from '../artifacts/catalogue.ts';
import type { CataloguedStage } from '../artifacts/catalogue.ts';
import { namedFiles } from '../artifacts/manifest.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { resultsRoot } from '../artifacts/paths.ts';
import { openStore } from '../artifacts/results.ts';
import type { ArtifactStore, ManifestContent } from '../artifacts/store.ts';
import { allRuns } from './list.ts';
import { jsonOption, output } from './options.ts';
import { columns } from './view/format.ts';
import { bytes as size } from '../report/format.ts';

export function define(command: Command): void {
  command.addOption(new Option('--yes', 'free it; without this it is only told')).addOption(jsonOption()).action(clean);
}

/** Something that takes room and that no result needs. */
interface Spare {
  readonly what: string;
  /** The stage whose it is, or its place in the store. */
  readonly of: string;
  readonly bytes: number;
  readonly free: () => Promise<void>;
}

/** Tells what takes how much room in the store though no result needs it, and frees it where that is asked. */
async function clean({ yes, json }: { yes?: true; json?: true }): Promise<void> {
  const store = openStore(resultsRoot());
  const { runs, missing } = await allRuns();
  // What no server knows any more may go on at another one.
  const over = new Set(runs.filter(({ state }) => state === 'done').map(({ id }) => id));
  if (missing !== null && json !== true) {
    process.stderr.write(
      `note: epochs that nobody chose are kept, since nobody knows which runs are over: ${missing}\n`,
    );
  }
  const stages = await catalogue(store.root);
  const wanted = new Set(stages.flatMap(({ manifest }) => keptOf(manifest)));
  const spare = [
    ...(await Promise.all(stages.map(async (stage) => await checkpointsOf(store, stage)))).flat(),
    ...(await Promise.all(stages.map(async (stage) => await unchosenOf(store, stage, over, wanted)))).flat(),
    ...(await store.leftovers()).map((leftover): Spare => ({
      what: leftover.what,
      of: leftover.place,
      bytes: leftover.bytes,
      free: async () => await store.clear([leftover]),
    })),
  ];
  if (yes === true) for (const { free } of spare) await free();
  const told = spare.map(({ what, of, bytes }) => ({ what, of, bytes }));
  const bytes = spare.reduce((sum, one) => sum + one.bytes, 0);
  output(json, { results: store.root, freed: yes === true, bytes, spare: told }, () => {
    if (spare.length === 0) return 'nothing takes room that no result needs';
    const rows = spare.map((one) => [one.what, one.of, size(one.bytes)]);
    const end = yes === true ? `${size(bytes)} freed` : `${size(bytes)} in all; \`nas clean --yes\` frees them`;
    return [...columns([['what', 'of', 'size'].map((title) => pc.dim(title)), ...rows]), '', end].join('\n');
  });
}

/** Hashes of what a stage passes on, and of what it was made of: never to be freed, whoever else has made the same. */
function keptOf({ outputs, config, files }: Manifest): string[] {
  return [...namedFiles(outputs ?? {}), ...namedFiles(config), ...files].map(({ sha256 }) => sha256);
}

// A stage that is done never goes on from a checkpoint.
async function checkpointsOf(store: ArtifactStore, { directory, manifest }: CataloguedStage): Promise<Spare[]> {
  const { state, checkpoints } = manifest;
  if (state !== 'done' || checkpoints.length === 0) return [];
  const sizes = await Promise.all(checkpoints.map((file) => store.bytesOf(file)));
  const bytes = sizes.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  return [
    { what: 'checkpoints', of: directory, bytes, free: async () => await forget(store, directory, withoutCheckpoints) },
  ];
}

function withoutCheckpoints(manifest: Manifest): ManifestContent {
  return { ...manifest, checkpoints: [] };
}

/** Supernets of epochs that were not chosen, in a run that is over; what was measured of them stays. */
async function unchosenOf(
  store: ArtifactStore,
  { directory, manifest }: CataloguedStage,
  over: ReadonlySet<string>,
  wanted: ReadonlySet<string>,
): Promise<Spare[]> {
  if (!over.has(runOf(directory)) || manifest.state !== 'done' || manifest.selection === null) return [];
  const isSpare = ({ file, sha256 }: Manifest['epochs'][number]): boolean =>
    file !== null && sha256 !== null && !wanted.has(sha256);
  const spare = manifest.epochs.filter(isSpare);
  if (spare.length === 0) return [];
  const without = (found: Manifest): ManifestContent => ({
    ...found,
    epochs: found.epochs.map((one) => (isSpare(one) ? { ...one, file: null, sha256: null, bytes: null } : one)),
  });
  const bytes = spare.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
  const what = `${spare.length} epochs that nobody chose`;
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
