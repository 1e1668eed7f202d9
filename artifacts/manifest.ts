import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { BadInput } from '../plan/endings.ts';
import { JsonMap, JsonValue } from './json.ts';
import { Token } from './token.ts';
import type { Json } from '../plan/json.ts';
import { keepable } from '../plan/plan.ts';
import type { FileReference } from './references.ts';
import { sha256 } from './references.ts';

/** A file below the results root, by a path relative to it. */
const reference = z.string().min(1);
const namedFile = z.strictObject({ file: reference, sha256 });
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
  /** The mean cross-entropy of each, in nats; 0.1.0 did not record it. */
  groundTruthLosses: z.array(z.number()).optional(),
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
  /** `cpu`, `gpu:0` …; of several at once `gpu:0,gpu:1`. */
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

/** What decides the bits of a result beside its config, and Node.js: by name. */
const Environment = z.record(z.string(), z.union([z.string(), z.number()]));

/** What is true of one stage: what it is, what it has finished, and who alone may add to it. */
export const Manifest = z.strictObject({
  /** 1: of release 0.1.0, which knew neither `sequence`, `nonce`, `extras` nor `notices`. */
  version: z
    .literal([1, 2], { error: 'expected 1 or 2, as a newer release wrote it; read it with that' })
    .transform(() => 2 as const),
  /** Counts the changes of the manifest; 0 for one of release 0.1.0. Each number is written once. */
  sequence: z.int().min(0).default(0),
  /** Unique to the change that wrote it: a writer whose answer was lost knows its own by this. */
  nonce: z.string().default(''),
  stage: z.string().min(1),
  uses: z.string().min(1),
  fingerprint: sha256,
  /** The fingerprint that the work was begun under, where it went on under another; null elsewhere. Such work is no other run's. */
  begunAs: sha256.nullable().default(null),
  state: z.enum(['running', 'done']),
  token: Token.nullable(),
  config: JsonValue,
  /** Node.js, platform, TensorFlow, device, instruction set, threads of the last attempt; `notices` tell where earlier ones had others. */
  environment: Environment,
  /** Which pipeline its run was made of, what `--set` changed, what `nas clean` leaves; null from release 0.1.0, which did not write it down. */
  origin: z
    .strictObject({
      pipeline: z.string(),
      params: JsonMap,
      set: z.array(z.string()).readonly(),
      keep: z.array(z.enum(keepable)).readonly().exactOptional(),
    })
    .nullable()
    .default(null),
  epochs: z.array(EpochRecord),
  checkpoints: z.array(CheckpointRecord),
  chunks: z.array(ChunkRecord),
  /** What the stage passes on; null until it is done, and of a trained supernet until its epoch is chosen. */
  outputs: JsonMap.nullable(),
  selection: Selection.nullable(),
  /** Further files that belong to the result, such as the tables beside a ranking. */
  files: z.array(namedFile).default([]),
  /** Files for people and their tools, no part of the result: metrics, the chosen supernet under its usual name. */
  extras: z.array(namedFile).default([]),
  /** What a reader of the result should know of how it was made: one sentence each. */
  notices: z.array(z.string()).default([]),
  /** Where the result was taken over from, a directory of another run, and why; null for a stage that was run. */
  reused: z.strictObject({ from: reference, why: z.string() }).nullable().default(null),
  attempts: z.array(Attempt),
});
export type Manifest = z.infer<typeof Manifest>;

/** What a manifest says, without what the store says of it. */
export type ManifestContent = Omit<Manifest, 'version' | 'sequence' | 'nonce'>;

/** A manifest that is no JSON or breaks the schema. */
export class ManifestError extends BadInput {}

/** Parses a manifest's text; `where` is what the error calls it. */
export function parseManifest(text: string, where: string): Manifest {
  const remedy = 'undo the edit, or remove the file to go on from the one before it';
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

/** The manifest that comes after the one that was seen. @throws ManifestError where it breaks the schema */
export function nextManifest(directory: string, seen: Manifest | null, next: ManifestContent): Manifest {
  const sequence = (seen?.sequence ?? 0) + 1;
  const parsed = Manifest.safeParse({ ...next, version: 2, sequence, nonce: randomBytes(8).toString('hex') });
  if (parsed.success) return parsed.data;
  throw new ManifestError(`${directory}: refusing to write a manifest that breaks its schema: ${parsed.error.message}`);
}

/** Every file of a result: outputs, epochs, and what belongs to them. */
export function filesOf({ outputs, epochs, files }: Pick<Manifest, 'outputs' | 'epochs' | 'files'>): FileReference[] {
  const kept = epochs.flatMap(({ file, sha256: hash }) =>
    file === null || hash === null ? [] : [{ file, sha256: hash }],
  );
  return [...namedFiles(outputs ?? {}), ...kept, ...files];
}

/** Every file that the manifest names, whatever for. */
export function allFilesOf(manifest: ManifestContent): FileReference[] {
  return [...filesOf(manifest), ...manifest.checkpoints, ...manifest.chunks, ...manifest.extras];
}

/** The files that a value names: outputs name a file beside its sha256, and the files of a ranking beside the map of theirs. */
export function namedFiles(value: Json): FileReference[] {
  if (typeof value !== 'object' || value === null) return [];
  const entries = new Map<string, Json>(Object.entries(value));
  const hash = entries.get('sha256');
  const named = typeof hash === 'object' && hash !== null ? Object.entries(hash) : [['file', hash] as const];
  const files = named.flatMap(([name, of]) => {
    const file = entries.get(name);
    return typeof file === 'string' && typeof of === 'string' ? [{ file, sha256: of }] : [];
  });
  return [...files, ...[...entries.values()].flatMap(namedFiles)];
}

/** Node.js computes nothing of a result. */
const NEUTRAL: ReadonlySet<string> = new Set(['node']);

export function noticeOf(before: Manifest['environment'], ours: Manifest['environment']): string | null {
  const names = Object.keys(ours).filter((name) => before[name] !== undefined && !NEUTRAL.has(name));
  const changes = names
    .filter((name) => before[name] !== ours[name])
    .map((name) => `${name} was ${before[name]} and is ${ours[name]}`);
  return changes.length === 0
    ? null
    : `went on where ${changes.join(', ')}: the rest may have other bits than without the change`;
}
