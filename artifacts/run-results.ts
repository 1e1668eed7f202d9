import { readdirSync } from 'node:fs';
import { z } from 'zod';
import { catalogue, runOf } from './catalogue.ts';
import { SETTLED_MS, surveyRuns } from './folder-survey.ts';
import type { SeenFolder } from './folder-survey.ts';
import { FolderKeeper } from './kept-folders.ts';
import type { KeptFolder, StageInShort } from './kept-folders.ts';
import { allFilesOf, Attempt, Manifest } from './manifest.ts';
import { isS3 } from './paths.ts';
import { openStore } from './results.ts';

/** What the results of a run tell of it. */
export interface RunResults {
  /** Stages (of a matrix stage its cells) that have begun, and how many of them are done. */
  readonly stages: { readonly begun: number; readonly done: number };
  /** Milliseconds since the epoch: the first attempt's start, and the last one's end; null where none has. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** The best of the chosen epochs; null where none was chosen, or all their subnets tie. */
  readonly bestTau: number | null;
  /** Of all files. One that several stages share counts once. */
  readonly bytes: number;
}

/**
 * What the results folder tells of each of its runs. Thousands of manifests take many seconds to read, so what was seen of
 * each folder is kept in `cache`, and one that has not changed since is not read again. A log that only grew is not noticed.
 */
export async function resultsByRun(root: string, cache: string): Promise<Map<string, RunResults>> {
  if (isS3(root)) return await resultsInBucket(root);
  const runs = foldersIn(root);
  const keeper = new FolderKeeper(root, cache);
  for (const run of keeper.runs().filter((kept) => !runs.includes(kept))) keeper.forget(run);
  return await resultsIn(root, runs, keeper);
}

/** Looks at one run, so that the next list of all need not. */
export async function rememberResults(root: string, run: string, cache: string): Promise<void> {
  if (!isS3(root)) await resultsIn(root, [run], new FolderKeeper(root, cache));
}

const soon = new Set<string>();

/** The same as soon as what lies there now counts as still. Nothing waits for it, and it is no harm where it does not come about. */
export function rememberSoon(root: string, run: string, cache: string): void {
  const key = `${root}/${run}`;
  if (soon.has(key)) return;
  soon.add(key);
  const remember = (): void => {
    soon.delete(key);
    rememberResults(root, run, cache).catch(() => undefined);
  };
  setTimeout(remember, 1.5 * SETTLED_MS).unref();
}

async function resultsIn(
  root: string,
  runs: readonly string[],
  keeper: FolderKeeper,
): Promise<Map<string, RunResults>> {
  const before = runs.map((run) => ({ run, kept: keeper.read(run) }));
  const seen = await surveyRuns({ root, runs: before, keys: Object.keys(Told.shape) });
  const found = new Map<string, RunResults>();
  for (const [index, { run, kept }] of before.entries()) {
    const isAsBefore = kept === seen[index];
    const folder = isAsBefore ? kept : keepable(seen[index]!);
    const results = resultsOfFolder(folder);
    if (results === null) continue;
    found.set(run, results);
    if (!isAsBefore) keeper.keep(run, folder);
  }
  return found;
}

function keepable({ manifest, ...folder }: SeenFolder): KeptFolder {
  // Where only something below has changed, the stage is the one that was kept.
  const stage = manifest && inShort(manifest);
  const below = Object.entries(folder.below).map(([name, one]) => [name, keepable(one)]);
  return { ...folder, ...(stage && { stage }), below: Object.fromEntries(below) };
}

/** What a list needs of a manifest. To check all of it takes longer than to read it. */
const Told = Manifest.pick({ version: true, state: true, selection: true }).extend({
  attempts: z.array(Attempt.pick({ started: true, ended: true }).loose()),
});

function inShort(manifest: unknown): StageInShort | undefined {
  const { data } = Told.safeParse(manifest);
  return data && stageOf(data);
}

function stageOf({ state, attempts, selection }: z.infer<typeof Told>): StageInShort {
  return {
    isDone: state === 'done',
    started: extreme(
      Math.min,
      attempts.map(({ started }) => Date.parse(started)),
    ),
    ended: extreme(
      Math.max,
      attempts.flatMap(({ ended }) => (ended === null ? [] : Date.parse(ended))),
    ),
    tau: selection?.tau ?? null,
  };
}

async function resultsInBucket(root: string): Promise<Map<string, RunResults>> {
  const store = openStore(root);
  const found = new Map<string, RunResults>();
  for (const run of new Set((await store.stages()).map(runOf))) {
    const manifests = (await catalogue(root, run)).map(({ manifest }) => manifest);
    const files = new Map(manifests.flatMap(allFilesOf).map((file) => [file.sha256, file]));
    const sizes = await Promise.all([...files.values()].map((file) => store.bytesOf(file)));
    const bytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    const results = resultsOf(manifests.map(stageOf), bytes);
    if (results !== null) found.set(run, results);
  }
  return found;
}

function resultsOfFolder(folder: KeptFolder): RunResults | null {
  const stages: StageInShort[] = [];
  const shared = new Map<number, number>();
  let bytes = 0;
  const add = (one: KeptFolder): void => {
    bytes += one.bytes;
    if (one.stage !== undefined) stages.push(one.stage);
    for (const [inode, size] of one.shared ?? []) shared.set(inode, size);
    for (const name in one.below) add(one.below[name]!);
  };
  add(folder);
  for (const size of shared.values()) bytes += size;
  return resultsOf(stages, bytes);
}

function resultsOf(stages: readonly StageInShort[], bytes: number): RunResults | null {
  if (stages.length === 0) return null;
  return {
    stages: { begun: stages.length, done: stages.filter(({ isDone }) => isDone).length },
    startedAt: extreme(
      Math.min,
      stages.flatMap(({ started }) => started ?? []),
    ),
    endedAt: extreme(
      Math.max,
      stages.flatMap(({ ended }) => ended ?? []),
    ),
    bestTau: extreme(
      Math.max,
      stages.flatMap(({ tau }) => tau ?? []),
    ),
    bytes,
  };
}

function extreme(of: (...values: number[]) => number, values: readonly number[]): number | null {
  return values.length === 0 ? null : of(...values);
}

function foldersIn(root: string): string[] {
  try {
    const entries = readdirSync(root, { withFileTypes: true });
    return entries.flatMap((entry) => (entry.isDirectory() && !entry.name.startsWith('.') ? [entry.name] : []));
  } catch {
    // No run has been started here.
    return [];
  }
}
