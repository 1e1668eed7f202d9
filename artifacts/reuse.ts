import type { Choice } from '../plan/choice.ts';
import { BadInput } from '../plan/endings.ts';
import type { Json } from '../plan/json.ts';
import type { FileReference, SelectedSupernet } from './references.ts';
import type { Reuse } from '../plan/reuse.ts';
import { runOf, stageAt } from './catalogue.ts';
import type { CataloguedStage } from './catalogue.ts';
import type { Claim } from './claim.ts';
import { JsonMap } from './json.ts';
import { filesOf } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import type { HeldStage } from './stage.ts';
import type { ArtifactStore } from './store.ts';

// Whether the work of a stage is done again or taken over: decided here for the activities, which do it, and for
// `nas plan`, which says it beforehand.

/** A stage whose work is wanted. */
export interface Wanted {
  readonly uses: string;
  /** Relative to the results root. */
  readonly directory: string;
  readonly fingerprint: string;
  /** Of unfinished work of another fingerprint in the stage's own folder: as `Claim.goesOn`. */
  readonly goesOn?: Claim['goesOn'];
  /** Where finished work may come from, beside the stage's own folder. */
  readonly reuse: Reuse;
  /** Whether equal fingerprints make equal results in any run. */
  readonly isReusable: boolean;
  /** What a stage here would compute with, as far as it is known: named where finished work was made with something else. */
  readonly here: Readonly<Record<string, string>>;
}

export type Decision =
  /** The stage's own folder has the result. */
  | { readonly to: 'keep'; readonly manifest: Manifest; readonly why: string }
  /** Another run has it. */
  | { readonly to: 'take over'; readonly from: CataloguedStage; readonly why: string }
  /** `before`: what its own folder has of the same work, to go on from. */
  | { readonly to: 'work'; readonly before: Manifest | null }
  /** What was asked for cannot be taken over. */
  | { readonly to: 'refuse'; readonly why: string };

/** Says what is wrong with a file of a result, or nothing: by its hash, or only by whether it is there. */
export type Check = (store: ArtifactStore, file: FileReference) => Promise<string | null>;

export const byHash =
  (signal?: AbortSignal): Check =>
  async (store, file) => {
    const found = await store.hashOf(file, signal);
    if (found === file.sha256) return null;
    return found === null ? `no file ${file.file}` : `other bytes in ${file.file}`;
  };

export const byName: Check = async (store, file) => ((await store.has(file)) ? null : `no file ${file.file}`);

/**
 * Whether a stage is worked at, and if not, where its result comes from. Changes nothing.
 * @param known what `recall` says of its fingerprint, where that was asked for already
 * @throws ManifestError
 */
export async function decide(
  store: ArtifactStore,
  wanted: Wanted,
  check: Check,
  known?: readonly string[],
): Promise<Decision> {
  const own = await store.read(wanted.directory);
  const isSame = own?.fingerprint === wanted.fingerprint;
  const isTakenUp = own?.state === 'running' && (wanted.goesOn?.(own) ?? null) !== null;
  const before = isSame || isTakenUp ? own : null;
  if (before?.state === 'done' && (await isUsable(store, before, check))) {
    return { to: 'keep', manifest: before, why: before.reused?.why ?? becauseSame(wanted.directory, before, wanted) };
  }
  if (typeof wanted.reuse === 'object') return await takenAsItIs(store, wanted, wanted.reuse.run, check);
  const others = wanted.reuse === 'nothing' || !wanted.isReusable ? [] : await sameWork(store, wanted, known);
  for (const from of others) {
    if ((await damageOf(store, from.manifest, check)) !== null) continue;
    return { to: 'take over', from, why: becauseSame(from.directory, from.manifest, wanted) };
  }
  return { to: 'work', before };
}

async function takenAsItIs(
  store: ArtifactStore,
  { uses, directory }: Wanted,
  run: string,
  check: Check,
): Promise<Decision> {
  const theirs = run + directory.slice(runOf(directory).length);
  const manifest = await store.read(theirs);
  const isFinished = manifest?.state === 'done' && manifest.uses === uses;
  const damage = isFinished ? await damageOf(store, manifest, check) : null;
  if (isFinished && damage === null) {
    const why = `taken over from ${theirs} as it is, as asked`;
    return { to: 'take over', from: { directory: theirs, manifest }, why };
  }
  const got = manifest?.state === 'done' ? (damage ?? `a stage of kind ${manifest.uses}`) : 'none';
  return { to: 'refuse', why: `expected a finished stage in ${theirs}, got ${got}` };
}

/** Stages of other runs that are done with that fingerprint, those that did the work themselves first, then the latest. */
async function sameWork(
  store: ArtifactStore,
  { fingerprint, directory }: Wanted,
  known?: readonly string[],
): Promise<CataloguedStage[]> {
  const directories = known ?? (await store.recall([fingerprint]))[0] ?? [];
  const stages = await Promise.all(directories.map((one) => stageAt(store, one)));
  return stages
    .filter((stage) => stage !== null)
    .filter(({ manifest: { state, begunAs, ...of } }) => {
      return state === 'done' && of.fingerprint === fingerprint && begunAs === null;
    })
    .filter((stage) => runOf(stage.directory) !== runOf(directory))
    .toSorted((a, b) => (rank(a) < rank(b) ? 1 : -1));
}

function rank({ manifest }: CataloguedStage): string {
  return `${manifest.reused === null ? 1 : 0} ${manifest.attempts.at(-1)?.ended ?? ''}`;
}

// Of epochs one that is left is enough, and whoever takes a supernet in compares its hash.
async function isUsable(store: ArtifactStore, manifest: Manifest, check: Check): Promise<boolean> {
  if (manifest.epochs.length > 0) return (await choicesOf(store, manifest)).length > 0;
  return (await damageOf(store, manifest, check)) === null;
}

/** What is wrong with the first file of a result that is not as it was; null where all are. */
export async function damageOf(store: ArtifactStore, manifest: Manifest, check: Check): Promise<string | null> {
  for (const file of filesOf(manifest)) {
    const damage = await check(store, file);
    if (damage !== null) return damage;
  }
  return null;
}

function becauseSame(directory: string, { environment }: Manifest, { here }: Wanted): string {
  const other = Object.keys(here).filter(
    (name) => name !== 'node' && environment[name] !== undefined && environment[name] !== here[name],
  );
  const made = other.map((name) => `${name} ${environment[name]}, here ${here[name]}`);
  const note = made.length === 0 ? '' : `; it was made with ${made.join('; ')}`;
  return `reused from ${directory}, because inputs, config and code are the same${note}`;
}

/** Epochs that a person or a rule may choose: those whose supernet is there. */
export async function choicesOf(store: ArtifactStore, { epochs }: Manifest): Promise<Choice[]> {
  const there = await Promise.all(
    epochs.map(async ({ file, sha256 }) => file !== null && sha256 !== null && (await store.has({ file, sha256 }))),
  );
  return epochs.filter((_, at) => there[at]).map(({ epoch, tau, interval }) => ({ epoch, tau, interval }));
}

/** What a training stage passes on once that epoch is chosen; null where there is no supernet of it. */
export function selectedOf({ epochs, config }: Manifest, chosen: number): SelectedSupernet | null {
  const record = epochs.find(({ epoch }) => epoch === chosen);
  if (record?.file == null || record.sha256 === null) return null;
  const { groups = 1 } = JsonMap.parse(config);
  return { file: record.file, sha256: record.sha256, epoch: chosen, tau: record.tau, groups: Number(groups) };
}

/**
 * Gives the stage what another run has made: its files, so that either run may be deleted, its manifest, and what is
 * plotted of it.
 */
export async function takeOver(stage: HeldStage, from: CataloguedStage, why: string): Promise<void> {
  const { directory, manifest } = from;
  const moved = (file: string): string => {
    if (file.startsWith(`${directory}/`)) return stage.directory + file.slice(directory.length);
    throw new BadInput(
      `${directory}: expected results in its own folder, got ${file}, as release 0.1.0 made them; start from an earlier stage`,
    );
  };
  // Metrics may have been deleted; the result is whole without them. Names elsewhere in the run are given anew.
  const extras: FileReference[] = [];
  for (const extra of manifest.extras) {
    if (extra.file.startsWith(`${directory}/`) && (await stage.store.has(extra))) extras.push(extra);
  }
  const theirs = new Map([...filesOf(manifest), ...extras].map((one) => [one.file, one]));
  const copies = [...theirs.values()].map((one) => ({ file: moved(one.file), copyOf: one }));
  const ours = <T extends { file: string | null }>(one: T): T => ({ ...one, file: one.file && moved(one.file) });
  const names = new Map([...theirs.keys()].map((file) => [file, moved(file)]));
  const { fingerprint, begunAs, config, environment, notices, epochs, outputs, selection, files } = manifest;
  await stage.commit(copies, (before) => ({
    ...before,
    state: 'done',
    fingerprint,
    begunAs,
    config,
    environment,
    notices,
    selection,
    epochs: epochs.map(ours),
    outputs: outputs === null ? null : JsonMap.parse(renamed(outputs, names)),
    files: files.map(ours),
    extras: extras.map(ours),
    reused: { from: directory, why },
  }));
}

function renamed(value: Json, names: ReadonlyMap<string, string>): Json {
  if (typeof value === 'string') return names.get(value) ?? value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => renamed(item, names));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, renamed(item, names)]));
}
