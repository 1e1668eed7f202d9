import { BadInput, isErrno } from '../plan/endings.ts';
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder, projectRoot, root as shippedRoot } from '../runtime/layout.ts';

// Every name below the results root stands here, so that a reader never has to search for one.
export const fileNames = {
  /** Of a stage that release 0.1.0 wrote; later ones are `manifest.<n>.json`. */
  firstManifest: 'manifest.json',
  pending: '.pending',
  index: '.index',
  job: 'job.json',
  trainerLog: 'trainer.log',
  metricsLog: 'log.jsonl',
  tensorboard: 'tensorboard',
  chosenSupernet: 'supernet_max_kt.safetensors',
  checkpoints: 'checkpoints',
  setAside: 'older',
  reportText: 'report.md',
  reportData: 'report.json',
  reportPage: 'report.html',
} as const;

/** How the folders of `nas verify-resume` begin, and the names below which it keeps results in a bucket. */
export const VERIFICATION = 'verify-resume-';

/** The file of a stage's manifest with that number. */
export function manifestName(sequence: number): string {
  return sequence === 0 ? fileNames.firstManifest : `manifest.${sequence}.json`;
}

/** The number of a manifest by its file's name; 0 for every other name, and for that of release 0.1.0. */
export function manifestNumber(name: string): number {
  return Number(/^manifest\.([1-9]\d*)\.json$/.exec(name)?.[1] ?? 0);
}

/** In bytes. Thousands of epochs and chunks take a few million. */
export const LARGEST_MANIFEST = 64 * 1024 * 1024;

/** How deep below the root stages lie: runs lie below it, stages below them; a program's own folders may lie deeper still and hold anything. */
export const DEEPEST = 6;
const withoutStages: ReadonlySet<string> = new Set([
  fileNames.setAside,
  fileNames.checkpoints,
  'json_results',
  'chunks',
]);

/** Whether stages may lie in or below a folder of that name. */
export function mayHoldStages(name: string): boolean {
  return !name.startsWith('.') && !withoutStages.has(name);
}

/** The file of what a process of a stage writes out; `rank` tells those apart that do a stage together. */
export function logName(rank: number): string {
  return rank === 0 ? fileNames.trainerLog : `trainer.${rank}.log`;
}

/** The rank of the process whose log has that name; null for every other name. */
export function rankOfLog(name: string): number | null {
  if (name === fileNames.trainerLog) return 0;
  const found = /^trainer\.([1-9]\d*)\.log$/.exec(name);
  return found === null ? null : Number(found[1]);
}

/** A path that was refused: it names something outside of the results root, or is no legal id. */
export class PathError extends BadInput {}

/** The absolute path of a file that comes with the code, named as in the clone. */
export function shippedFile(name: string): string {
  return path.join(shippedRoot, name);
}

/** Where pipelines, configs and what they name are looked for: a person's own files win over those shipped. */
export const projectRoots: readonly string[] = [...new Set([projectRoot, shippedRoot])];

/** The absolute path of a file of the project, named relative to it; where there is none, where it would be. */
export function projectFile(relative: string): string {
  const places = projectRoots.map((root) => path.resolve(root, relative));
  return places.find((place) => existsSync(place)) ?? path.resolve(projectRoot, relative);
}

/**
 * Where all results lie: `results/` of the project, or what NAS_RESULTS names, a folder or `s3://…`. A folder is absolute; the
 * same from wherever a command is given.
 */
export function resultsRoot(environment: NodeJS.ProcessEnv = process.env): string {
  const named = environment['NAS_RESULTS'] || 'results';
  return isS3(named) ? named : path.resolve(projectRoot, named);
}

/** Whether results lie in a bucket of S3 and not in a folder. */
export function isS3(root: string): boolean {
  return root.startsWith('s3://');
}

/** A results root below another one, which takes nothing of it for its own. */
export function rootBelow(root: string, name: string): string {
  if (!isS3(root)) return path.join(root, name);
  const [place = '', query = ''] = root.split('?');
  return `${place.replace(/\/+$/, '')}/${name}${query === '' ? '' : `?${query}`}`;
}

/** The folder for what lies here of a store that lies elsewhere. */
export function storeCache(): string {
  return path.join(cacheFolder(), 'stores');
}

/** Checks a run id: it names a folder and a workflow, so letters, digits, `.`, `_`, `:`, `-`, 100 at most. */
export function checkRunId(id: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/.test(id)) return id;
  throw new PathError(
    `run id: expected 1..100 letters, digits, '.', '_', ':' or '-', the first a letter or digit, got ${JSON.stringify(id)}; choose another id`,
  );
}

/**
 * The absolute path of `relative` below `root`. Refused with PathError: absolute paths, empty, `.` and `..` segments,
 * NUL bytes, and anything that a symbolic link leads out of the root.
 */
export function placeOf(root: string, relative: string): string {
  const place = path.join(root, ...segmentsOf(relative));
  const realRoot = realPath(root);
  let existing = place;
  let real = realPath(existing);
  while (real === null && existing !== root) {
    existing = path.dirname(existing);
    real = realPath(existing);
  }
  if (realRoot === null || real === null) return place;
  if (real === realRoot || real.startsWith(realRoot + path.sep)) return place;
  throw new PathError(
    `results path: expected ${relative} to lie in ${realRoot}, got a link to ${real}; remove the symbolic link`,
  );
}

// One call: a file that is seen may be gone before it is looked at again.
function realPath(place: string): string | null {
  try {
    // The native one asks the system once, not once for every folder on the way.
    return realpathSync.native(place);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG')) return null;
    throw error;
  }
}

/** The names on the way to a file. @throws PathError where they lead out of the results, or nowhere */
export function segmentsOf(relative: string): string[] {
  const segments = relative.split('/');
  if (path.isAbsolute(relative) || /[\0\\]/.test(relative) || segments.some((s) => ['', '.', '..'].includes(s))) {
    throw new PathError(
      `results path: expected one relative to the results folder without '.' or '..', got ${JSON.stringify(relative)}; correct the name`,
    );
  }
  return segments;
}

/** What a record names a file by: its path relative to the results root, with `/` on every system. */
export function referenceTo(root: string, absolute: string): string {
  return path.relative(root, absolute).split(path.sep).join('/');
}
