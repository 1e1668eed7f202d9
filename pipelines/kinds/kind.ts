import { z } from 'zod';
import type { ListedSubnet } from '../../nas/space/subnet-list.ts';
import type { Cost, Retry, Timeout } from '../../plan/plan.ts';
import type { Ranking, RankingPart, SelectedSupernet, StandaloneResult } from '../../plan/results.ts';
import type { Json, JsonObject } from '../../plan/json.ts';

/** The subnets of each file that a stage's `with` names, by its key. */
export type Lists = Readonly<Record<string, readonly ListedSubnet[]>>;

/** What a kind of stage says of itself. `With` is the parsed `with` of one cell. */
interface Description<Schema extends z.ZodType> {
  /** What `uses` names; activities/<name>.ts does the work. */
  readonly name: string;
  /** Raised whenever the same inputs give other results: part of every fingerprint. */
  readonly codeVersion: number;
  /** One line for people. */
  readonly summary: string;
  /** A strict object; `keys` are its names. */
  readonly schema: Schema;
  readonly keys: readonly string[];
  /** Keys that change how the work is done but not one bit of its result: no part of a fingerprint. */
  readonly neutral: readonly string[];
  /** Keys of `with` that name a list of subnets below the project root. */
  readonly lists: readonly string[];
  /** Keys of `with` that may name a supernet's file below the project root instead of a stage's output. */
  readonly supernets?: readonly string[];
  /** Names that references may use. */
  readonly outputs: readonly string[];
  /** Whether it has epochs that `select` can choose from. */
  readonly hasEpochs: boolean;
  /** Whether equal fingerprints make equal results in any run; not so where a program reads what nobody hashes. */
  readonly isReusable: boolean;
  readonly work: 'heavy' | 'light';
  readonly queue: string;
  readonly timeout: Timeout;
  readonly retry: Retry;
  /** Outputs as they could be, to check at load what refers to them. */
  readonly samples: (config: z.output<Schema>) => Readonly<Record<string, Json>>;
  readonly cost: (config: z.output<Schema>, lists: Lists) => Cost | null;
  /** What the schema cannot see: a message `expected …, got …; remedy` for each wrong key. */
  readonly check?: (config: z.output<Schema>, lists: Lists) => Wrong[];
  /** Results outside of the stage's own folder, of a `with` in which references to other stages still stand. */
  readonly outside?: (config: JsonObject) => Outside;
}

/** Stages that have a place in common must agree in the content, or one overwrites the other. */
interface Outside {
  readonly place: string;
  readonly content: JsonObject;
  /** What is said where they do not, `expected …, got …; remedy`; `owner` is the stage or cell that came first. */
  readonly refusal: (owner: string) => string;
}

interface Wrong {
  readonly key: string;
  readonly message: string;
}

/** What is known of one cell once its `with` is right. */
interface Examined {
  readonly samples: Readonly<Record<string, Json>>;
  readonly cost: Cost | null;
}

export interface Kind extends Omit<Description<z.ZodType>, 'samples' | 'cost' | 'check'> {
  /** Checks the `with` of one cell, every reference replaced by a value or a sample. */
  examine(config: JsonObject, lists: Lists): { issues: readonly z.core.$ZodIssue[] } | Examined;
}

/** Makes a kind of its description: one file below kinds/ each. */
export function defineKind<Schema extends z.ZodType>(description: Description<Schema>): Kind {
  const { samples, cost, check = () => [], ...rest } = description;
  return {
    ...rest,
    examine(config, lists) {
      const parsed = description.schema.safeParse(config);
      if (!parsed.success) return { issues: parsed.error.issues };
      const wrong = check(parsed.data, lists);
      if (wrong.length > 0) {
        return {
          issues: wrong.map(({ key, message }) => ({ code: 'custom', path: [key], message, input: undefined })),
        };
      }
      return { samples: samples(parsed.data), cost: cost(parsed.data, lists) };
    },
  };
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A process that lasts: a lost one is noticed within half a minute, a hopeless one parks after a few tries. */
export const heavy = {
  isReusable: true,
  work: 'heavy',
  queue: 'gpu',
  timeout: { startToCloseMs: 30 * DAY, heartbeatMs: 30 * SECOND },
  retry: { maximumAttempts: 5, initialIntervalMs: 5 * SECOND, backoffCoefficient: 2 },
} as const;

/** Seconds of work in the worker itself. */
export const light = {
  isReusable: true,
  work: 'light',
  queue: 'control',
  timeout: { startToCloseMs: 10 * MINUTE, heartbeatMs: null },
  retry: { maximumAttempts: 3, initialIntervalMs: 2 * SECOND, backoffCoefficient: 2 },
} as const;

/** 64 hex digits that stand for a hash that is not known before the run. */
const SAMPLE_SHA256 = '0'.repeat(64);

// What a `with` accepts where it refers to another stage's output: the shapes of pipelines/outputs.ts, checked.

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits');
const file = z.string().min(1);
const count = z.int().nonnegative();
const ranked = { top1: file, top5: file, sha256: z.strictObject({ top1: sha256, top5: sha256 }), subnets: count };

export const SelectedSupernetReference: z.ZodType<SelectedSupernet> = z.strictObject({
  file,
  sha256,
  epoch: count,
  tau: z.number().nullable(),
  groups: z.int().positive(),
});

export const StandaloneResultReference: z.ZodType<StandaloneResult> = z.strictObject({
  file,
  sha256,
  arch: z.string(),
  mean: z.number(),
});

export const RankingPartReference: z.ZodType<RankingPart> = z.strictObject({
  ...ranked,
  set: z.strictObject({ sha256, part: z.int().positive(), parts: z.int().positive() }),
});

export const RankingReference: z.ZodType<Ranking> = z.strictObject(ranked);

/** Outputs as they could be. */
export const samples = {
  supernet: (groups: number): Json => ({
    file: 'run/stage/0.5_1.safetensors',
    sha256: SAMPLE_SHA256,
    epoch: 1,
    tau: 0.5,
    groups,
  }),
  standalone: (arch: string): Json => ({ file: 'run/stage/result.json', sha256: SAMPLE_SHA256, arch, mean: 50 }),
  part: (part: number, parts: number): Json => ({
    top1: 'run/stage/top1_json1.json',
    top5: 'run/stage/top5_json1.json',
    sha256: { top1: SAMPLE_SHA256, top5: SAMPLE_SHA256 },
    subnets: 1,
    set: { sha256: SAMPLE_SHA256, part, parts },
  }),
  ranking: (): Json => ({
    top1: 'run/stage/top1_json_final.json',
    top5: 'run/stage/top5_json_final.json',
    sha256: { top1: SAMPLE_SHA256, top5: SAMPLE_SHA256 },
    subnets: 1,
  }),
  file: (): Json => ({ file: 'run/stage/file', sha256: SAMPLE_SHA256 }),
} as const;
