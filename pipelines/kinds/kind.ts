import type { z } from 'zod';
import type { ListedSubnet } from '../../nas/space/subnet-list.ts';
import type { Cost, Json, JsonObject, Retry, Timeout } from '../plan.ts';

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
export interface Outside {
  readonly place: string;
  readonly content: JsonObject;
  /** What is said where they do not, `expected …, got …; remedy`; `owner` is the stage or cell that came first. */
  readonly refusal: (owner: string) => string;
}

export interface Wrong {
  readonly key: string;
  readonly message: string;
}

/** What is known of one cell once its `with` is right. */
export interface Examined {
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

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
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
export const SAMPLE_SHA256 = '0'.repeat(64);
