// What crosses the process line: a job file going in, messages coming out. Both sides import this file and nothing else of each other.
import { z } from 'zod';
import { endings } from '../../plan/endings.ts';
import type { Ending } from '../../plan/endings.ts';
import { Token } from '../../artifacts/token.ts';

/** Raised whenever a message or the job file changes shape; either side refuses a version it does not know. */
export const PROTOCOL_VERSION = 1;

const version = z.literal(PROTOCOL_VERSION);
const count = z.int().nonnegative();

/** `job.json`, whose path is the process's only argument. */
export const Job = z.strictObject({
  version,
  /** The kind of stage, as `uses` names it. */
  kind: z.string().min(1),
  token: Token,
  /** Absolute path of the results root; every file reference in a record is relative to it. */
  results: z.string().min(1),
  /** The stage's directory relative to the results root. */
  directory: z.string().min(1),
  /** What the stage's result depends on, hashed: written to the manifest, compared by whoever wants to reuse it. */
  fingerprint: z.string().min(1),
  /** TensorFlow's threads; part of what decides the bits of a result. */
  threads: z.int().positive(),
  /** The kind's own resolved config; the process checks it against that kind's schema before anything else. */
  with: z.record(z.string(), z.unknown()),
});
export type Job = z.infer<typeof Job>;

export const Phase = z.enum(['loading', 'training', 'calibrating', 'evaluating', 'saving']);
export type Phase = z.infer<typeof Phase>;

/** Where the process stands. Epochs count from 0, as in file names; `step` steps of `steps` are done. Counts that a phase has no use for are 0. */
export const Progress = z.strictObject({
  version,
  type: z.literal('progress'),
  phase: Phase,
  epoch: count,
  epochs: count,
  step: count,
  steps: count,
  loss: z.number().optional(),
  tau: z.number().optional(),
  stepsPerSecond: z.number().nonnegative().optional(),
  subnets: count.optional(),
  subnetsTotal: count.optional(),
  subnetsPerSecond: z.number().nonnegative().optional(),
  /** What has still to go to the store. */
  bytesLeft: count.optional(),
});
export type Progress = z.infer<typeof Progress>;

/** All is committed; `outputs` are scalars and file references, under 1 KB. */
const Done = z.strictObject({
  version,
  type: z.literal('done'),
  outputs: z.record(z.string(), z.unknown()),
});

const Failed = z.strictObject({
  version,
  type: z.literal('failed'),
  ending: z.custom<Ending>((name) => typeof name === 'string' && Object.hasOwn(endings, name)),
  message: z.string(),
});

/** The answer to SIGTERM: a checkpoint is written, the process ends with exit code 0. */
const Stopped = z.strictObject({ version, type: z.literal('stopped') });

/** Everything a stage process says, over IPC, one way. */
export const TrainerMessage = z.discriminatedUnion('type', [Progress, Done, Failed, Stopped]);
export type TrainerMessage = z.infer<typeof TrainerMessage>;

type Unversioned<M> = M extends TrainerMessage ? Omit<M, 'version'> : never;
/** A message before the harness stamps its version on it. */
export type Message = Unversioned<TrainerMessage>;
