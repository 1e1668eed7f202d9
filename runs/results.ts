import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { catalogue, runOf } from '../artifacts/catalogue.ts';
import { allFilesOf } from '../artifacts/manifest.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { isS3 } from '../artifacts/paths.ts';
import { atomicWrite } from '../artifacts/files.ts';
import { openStore } from '../artifacts/results.ts';

/** What the results of a run tell of it. */
export interface RunResults {
  /** Stages (of a matrix stage its cells) that have begun, and how many of them are done. */
  readonly stages: { readonly begun: number; readonly done: number };
  /** Milliseconds since the epoch: the first attempt's start, and the last one's end; null where none has. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** Of the epoch that was chosen last; null where none was, or all its subnets tie. */
  readonly tau: number | null;
  /** Of all files. One that several stages share counts once. */
  readonly bytes: number;
}

const Results = z.object({
  stages: z.object({ begun: z.int(), done: z.int() }),
  startedAt: z.number().nullable(),
  endedAt: z.number().nullable(),
  tau: z.number().nullable(),
  bytes: z.number(),
});
/** By run: what its results said, and when its folders had changed last (ms), by their paths below the run's. */
const Memory = z.record(z.string(), z.object({ folders: z.record(z.string(), z.number()), results: Results }));
type Memory = z.infer<typeof Memory>;

/** A change in the moment of reading may leave a folder's time as it was. */
const SETTLED_MS = 2000;

/**
 * What the results folder tells of each of its runs. Thousands of manifests take many seconds to read, so what they said
 * is kept in `cache`, and a run none of whose folders has changed since is not read again. A log that only grew is not noticed.
 */
export async function resultsByRun(root: string, cache: string): Promise<Map<string, RunResults>> {
  if (isS3(root)) return await resultsInBucket(root);
  const file = path.join(cache, 'runs', `${createHash('sha256').update(path.resolve(root)).digest('hex')}.json`);
  const before = readMemory(file);
  const after: Memory = {};
  const found = new Map<string, RunResults>();
  let isNew = false;
  for (const run of foldersIn(root)) {
    const known = before[run];
    if (known !== undefined && isUnchanged(path.join(root, run), known.folders)) {
      after[run] = known;
      found.set(run, known.results);
      continue;
    }
    isNew = true;
    const readAt = Date.now();
    const { folders, bytes } = walk(path.join(root, run));
    const results = resultsOf(await manifestsOf(root, run), bytes);
    if (results === null) continue;
    found.set(run, results);
    if (Math.max(...Object.values(folders)) < readAt - SETTLED_MS) after[run] = { folders, results };
  }
  if (isNew || Object.keys(before).length > Object.keys(after).length) await remember(file, after);
  return found;
}

async function resultsInBucket(root: string): Promise<Map<string, RunResults>> {
  const store = openStore(root);
  const found = new Map<string, RunResults>();
  for (const run of new Set((await store.stages()).map(runOf))) {
    const manifests = await manifestsOf(root, run);
    const files = new Map(manifests.flatMap(allFilesOf).map((file) => [file.sha256, file]));
    const sizes = await Promise.all([...files.values()].map((file) => store.bytesOf(file)));
    const bytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    const results = resultsOf(manifests, bytes);
    if (results !== null) found.set(run, results);
  }
  return found;
}

async function manifestsOf(root: string, run: string): Promise<Manifest[]> {
  return (await catalogue(root, run)).map(({ manifest }) => manifest);
}

function resultsOf(manifests: readonly Manifest[], bytes: number): RunResults | null {
  if (manifests.length === 0) return null;
  const attempts = manifests.flatMap((manifest) => manifest.attempts);
  const chosen = manifests.flatMap(({ selection }) => selection ?? []);
  const last = chosen.toSorted((a, b) => Date.parse(a.when) - Date.parse(b.when)).at(-1);
  return {
    stages: { begun: manifests.length, done: manifests.filter(({ state }) => state === 'done').length },
    startedAt: extreme(
      Math.min,
      attempts.map(({ started }) => started),
    ),
    endedAt: extreme(
      Math.max,
      attempts.flatMap(({ ended }) => ended ?? []),
    ),
    tau: last?.tau ?? null,
    bytes,
  };
}

function extreme(of: (...values: number[]) => number, times: readonly string[]): number | null {
  return times.length === 0 ? null : of(...times.map((time) => Date.parse(time)));
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

/** When each folder of a run changed last, and the size of its files. */
function walk(run: string): { folders: Record<string, number>; bytes: number } {
  const folders: Record<string, number> = {};
  const sizes = new Map<number, number>();
  const visit = (folder: string): void => {
    const place = path.join(run, folder);
    folders[folder] = changedAt(place);
    for (const entry of readdirSync(place, { withFileTypes: true })) {
      const below = path.join(folder, entry.name);
      if (entry.isDirectory()) visit(below);
      // It may be gone by now: a run is at work here.
      const file = entry.isFile() ? statSync(path.join(run, below), { throwIfNoEntry: false }) : undefined;
      if (file !== undefined) sizes.set(file.ino, file.size);
    }
  };
  visit('');
  return { folders, bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0) };
}

function isUnchanged(run: string, folders: Readonly<Record<string, number>>): boolean {
  return Object.entries(folders).every(([folder, before]) => changedAt(path.join(run, folder)) === before);
}

function changedAt(folder: string): number {
  return statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
}

function readMemory(file: string): Memory {
  try {
    return Memory.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // None yet, or of another release.
    return {};
  }
}

async function remember(file: string, memory: Memory): Promise<void> {
  // Where it cannot be kept, everything is read again the next time.
  await atomicWrite(file, JSON.stringify(memory)).catch(() => undefined);
}
