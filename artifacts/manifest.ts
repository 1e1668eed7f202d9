import { BadInput } from '../plan/endings.ts';
import path from 'node:path';
import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { isErrno } from './files.ts';
import { JsonMap, JsonValue } from './json.ts';
import { fileNames, placeOf } from './paths.ts';
import { Token } from './token.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits');
/** A file below the results root, by a path relative to it. */
const reference = z.string().min(1);
const accuracies = z.strictObject({ top1: z.number(), top5: z.number() });
const time = z.iso.datetime();

/** One epoch of a supernet: `tau` against the ground truth (null where all subnets tie), accuracies as fractions 0..1. */
export const EpochRecord = z.strictObject({
  epoch: z.int().min(0),
  tau: z.number().min(-1).max(1).nullable(),
  /** 95 % bootstrap interval of `tau`; null where there is none. */
  interval: z.tuple([z.number(), z.number()]).nullable(),
  /** Null where the epoch's supernet was not kept (its tau lay under `keep.min_tau`). */
  file: reference.nullable(),
  sha256: sha256.nullable(),
  bytes: z.int().min(0).nullable(),
  loss: z.number(),
  min: accuracies,
  max: accuracies,
  /** Top-1 of each ground-truth subnet, in the order of the ground-truth file. */
  groundTruth: z.array(z.number()),
});
export type EpochRecord = z.infer<typeof EpochRecord>;

/** What a stage resumes at: state after `step` steps of `epoch`. */
export const CheckpointRecord = z.strictObject({
  epoch: z.int().min(0),
  step: z.int().min(0),
  file: reference,
  sha256,
});
export type CheckpointRecord = z.infer<typeof CheckpointRecord>;

/** A finished piece of an evaluation part: the subnets `from` (inclusive) to `to` (exclusive) of it. */
const ChunkRecord = z.strictObject({
  from: z.int().min(0),
  to: z.int().min(1),
  file: reference,
  sha256,
});
type ChunkRecord = z.infer<typeof ChunkRecord>;

/** Which epoch was chosen, by whom, when and why. */
const Selection = z.strictObject({
  epoch: z.int().min(0),
  tau: z.number().nullable(),
  by: z.enum(['rule', 'person']),
  who: z.string(),
  when: time,
  why: z.string(),
});
type Selection = z.infer<typeof Selection>;

/** One line of the stage's ledger: an attempt, where it ran and how it ended (null while it runs or was killed). */
export const Attempt = z.strictObject({
  token: Token,
  host: z.string(),
  pid: z.int(),
  /** `cpu`, `gpu:0` … */
  device: z.string(),
  queued: time,
  started: time,
  /** When it last made something that is kept: a checkpoint, an epoch, a chunk. */
  saved: time.nullable().default(null),
  ended: time.nullable(),
  ending: z.string().nullable(),
  /** Seconds by phase (`training`, `saving` …); null while it runs, where it was killed, and for light work. */
  phases: z.record(z.string(), z.number().min(0)).nullable().default(null),
});
export type Attempt = z.infer<typeof Attempt>;

/** The truth about one stage: what it is, what it has finished, and who alone may add to it. */
export const Manifest = z.strictObject({
  version: z.literal(1),
  stage: z.string().min(1),
  uses: z.string().min(1),
  fingerprint: z.string().min(1),
  state: z.enum(['running', 'done']),
  token: Token.nullable(),
  config: JsonValue,
  environment: JsonMap,
  epochs: z.array(EpochRecord),
  checkpoints: z.array(CheckpointRecord),
  chunks: z.array(ChunkRecord),
  /** What the stage passes on; null until it is done, and of a trained supernet until its epoch is chosen. */
  outputs: JsonMap.nullable(),
  selection: Selection.nullable(),
  /** Further files that belong to the result, such as the tables beside a ranking. */
  files: z.array(z.strictObject({ file: reference, sha256 })).default([]),
  /** Where the result was taken over from, a directory of another run, and why; null for a stage that was run. */
  reused: z.strictObject({ from: reference, why: z.string() }).nullable().default(null),
  attempts: z.array(Attempt),
});
export type Manifest = z.infer<typeof Manifest>;

/** Thousands of epochs and chunks take a few. */
const LARGEST_BYTES = 64 * 1024 * 1024;

/** A manifest that is no JSON or breaks the schema. */
export class ManifestError extends BadInput {}

/** Reads the manifest of a stage directory (relative to the results root); null where there is none. */
export async function readManifest(root: string, directory: string): Promise<Manifest | null> {
  const file = path.join(placeOf(root, directory), fileNames.manifest);
  let text: string;
  try {
    const { size } = await stat(file);
    if (size > LARGEST_BYTES) {
      throw new ManifestError(
        `${directory}/${fileNames.manifest}: expected at most 64 MiB, got ${size} bytes; remove it`,
      );
    }
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
  return parseManifest(text, `${directory}/${fileNames.manifest}`);
}

/** Parses a manifest's text; `where` is what the error calls it. */
export function parseManifest(text: string, where: string): Manifest {
  const remedy = 'undo the edit, or remove the file to run the stage anew';
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new ManifestError(`${where}: expected JSON, got ${String(error)}; ${remedy}`);
  }
  const parsed = Manifest.safeParse(data);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'manifest'}: ${issue.message}`);
  throw new ManifestError(`${where}: ${issues.join('; ')}; ${remedy}`);
}
