import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { Dirent } from 'node:fs';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { isNoFile } from './files.ts';
import type { KeptFolder } from './kept-folders.ts';
import { DEEPEST, fileNames, LARGEST_MANIFEST, manifestName, manifestNumber, mayHoldStages } from './paths.ts';
import { programFile } from '../runtime/layout.ts';

/** A folder with all that lies below it, as it was seen now or, where it has not changed, before. */
export interface SeenFolder extends Omit<KeptFolder, 'below'> {
  readonly below: Readonly<Record<string, SeenFolder>>;
  /** Where it was looked at now and has a manifest: what the newest has under the keys that were asked for, unchecked. */
  readonly manifest?: Readonly<Record<string, unknown>>;
}

export interface Wanted {
  readonly root: string;
  /** With what was seen of each before. */
  readonly runs: readonly { readonly run: string; readonly kept: KeptFolder | null }[];
  /** Of a manifest. */
  readonly keys: readonly string[];
}

/** Above so many runs threads read them: a run takes some milliseconds, starting a thread takes twenty. */
const FEW = 32;
/** As many as Node has for files: where files lie on another machine, waiting for it is what takes time. */
const THREADS = 4;

/** Looks at runs that were not seen before, and at what has changed in the others; in their order. One of which nothing has changed is `kept` itself. */
export async function surveyRuns(wanted: Wanted): Promise<SeenFolder[]> {
  const unseen = wanted.runs.filter(({ kept }) => kept === null);
  if (unseen.length <= FEW) return surveyed(wanted);
  const share = Math.ceil(unseen.length / THREADS);
  const shares = Array.from({ length: THREADS }, (_, at) => unseen.slice(at * share, (at + 1) * share));
  const looks = shares.map(async (runs) => await surveyedBeside({ ...wanted, runs }));
  const others = surveyed({ ...wanted, runs: wanted.runs.filter(({ kept }) => kept !== null) }).values();
  const found = (await Promise.all(looks)).flat().values();
  return wanted.runs.map(({ kept }) => (kept === null ? found : others).next().value!);
}

async function surveyedBeside(wanted: Wanted): Promise<SeenFolder[]> {
  const thread = new Worker(programFile('artifacts/survey-thread.ts'), { workerData: wanted });
  const [surveys]: SeenFolder[][] = await once(thread, 'message');
  return surveys ?? [];
}

/** The same here and now. Without waiting between one file and the next, which would take most of the time. */
export function surveyed({ root, runs, keys }: Wanted): SeenFolder[] {
  return runs.map(({ run, kept }) => look({ place: `${root}/${run}`, kept, depth: 1, isForStages: true, keys }));
}

interface Look {
  readonly place: string;
  readonly kept: KeptFolder | null;
  readonly depth: number;
  /** Whether it may be a stage's. */
  readonly isForStages: boolean;
  readonly keys: readonly string[];
}

function look(asked: Look): SeenFolder {
  const { place, kept } = asked;
  // Before its entries: what changes meanwhile is seen the next time.
  const changed = changedAt(place);
  if (kept === null || kept.changed !== changed) return lookAnew(asked, changed);
  let below: Record<string, SeenFolder> | null = null;
  for (const name in kept.below) {
    const before = kept.below[name]!;
    const now = look(inside(asked, name));
    if (now !== before) below = { ...(below ?? kept.below), [name]: now };
  }
  return below === null ? kept : { ...kept, below };
}

/** A change in the moment of reading may leave a folder's time as it was: so long after a change its time counts. */
export const SETTLED_MS = 2000;

function lookAnew(asked: Look, changed: number): SeenFolder {
  const { place, keys } = asked;
  const isSettled = changed < Date.now() - SETTLED_MS;
  const entries = entriesIn(place);
  const shared: [number, number][] = [];
  let bytes = 0;
  const below: Record<string, SeenFolder> = {};
  for (const entry of entries) {
    if (entry.isDirectory()) below[entry.name] = look(inside(asked, entry.name));
    if (!entry.isFile()) continue;
    // It may be gone by now: a run is at work here.
    const file = statSync(`${place}/${entry.name}`, { throwIfNoEntry: false });
    if (file === undefined) continue;
    if (file.nlink > 1) shared.push([file.ino, file.size]);
    else bytes += file.size;
  }
  const manifest = asked.isForStages ? newestManifest(place, entries) : null;
  return {
    changed: isSettled ? changed : null,
    bytes,
    ...(shared.length === 0 ? {} : { shared }),
    ...(manifest === null ? {} : { manifest: Object.fromEntries(keys.map((key) => [key, manifest[key]])) }),
    below,
  };
}

function inside({ place, kept, depth, isForStages, keys }: Look, name: string): Look {
  return {
    place: `${place}/${name}`,
    kept: kept?.below[name] ?? null,
    depth: depth + 1,
    isForStages: isForStages && depth < DEEPEST && mayHoldStages(name),
    keys,
  };
}

const TRIES = 20;

/** Null where there is none, or none that can be read. */
function newestManifest(place: string, entries: readonly Dirent[]): Record<string, unknown> | null {
  for (let tried = 0; tried < TRIES; tried++) {
    const names = (tried === 0 ? entries : entriesIn(place)).map(({ name }) => name);
    const newest = Math.max(0, ...names.map(manifestNumber));
    if (newest === 0 && !names.includes(fileNames.firstManifest)) return null;
    const text = textOf(`${place}/${manifestName(newest)}`);
    if (text !== null) return parsed(text);
    // It was swept away between our two looks.
  }
  return null;
}

function textOf(file: string): string | null {
  try {
    return statSync(file).size > LARGEST_MANIFEST ? '' : readFileSync(file, 'utf8');
  } catch (error) {
    if (isNoFile(error)) return null;
    throw error;
  }
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

function entriesIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (isNoFile(error)) return [];
    throw error;
  }
}

/** When a folder changed last (ms); never, where there is none. */
function changedAt(folder: string): number {
  return statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Infinity;
}
