import type { z } from 'zod';
import { JsonMap } from '../../artifacts/json.ts';
import type { StageFiles } from '../../artifacts/store.ts';
import type { ListedSubnet } from '../../nas/space/subnet-list.ts';
import { BadInput } from '../../plan/endings.ts';
import type { Ending } from '../../plan/endings.ts';
import type { JsonObject } from '../../plan/json.ts';
import { CONTROL_QUEUE, HEAVY_QUEUE } from '../../plan/names.ts';
import type { Cost, Retry, Timeout } from '../../plan/plan.ts';

/** What a kind of stage is: all that the rest of the project has to know of it. The kinds themselves are in catalogue.ts. */

/** The subnets of each file that a stage's `with` names, by its key. */
export type Lists = Readonly<Record<string, readonly ListedSubnet[]>>;

/** A foreign program. */
export interface Program {
  /** The program and its arguments; no shell is involved. */
  readonly run: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Files it promises, by name, relative to the stage's folder. */
  readonly outputs: Readonly<Record<string, string>>;
  /** How long it may print nothing; null: as long as its time-out lets it. */
  readonly stall_seconds: number | null;
}

/** What runs for a stage with that config. */
export type Runs<Config> =
  /** A function, in the worker itself: seconds. Its result is the stage's outputs. `phase` is what traces call it. */
  | {
      readonly as: 'function';
      readonly phase: string;
      readonly perform: (files: StageFiles, config: Config) => Promise<object>;
    }
  /** A process of ours, on a device: minutes to days. `entry` is its file, relative to the project. */
  | { readonly as: 'process'; readonly entry: string }
  /** A program that knows nothing of us, on a device. */
  | { readonly as: 'program'; readonly program: (config: Config) => Program }
  /** The stages of another pipeline, in a run of their own. */
  | { readonly as: 'pipeline' };

/** What a kind of stage says of itself. */
interface Description<Schema extends z.ZodObject> {
  /** What `uses` names, and the name of its activity. */
  readonly name: string;
  /** Raised whenever the same inputs give other results: part of every fingerprint. */
  readonly codeVersion: number;
  /** One line for people. */
  readonly summary: string;
  /** Of `with`. */
  readonly schema: Schema;
  /** Keys that change how the work is done but not one bit of its result: no part of a fingerprint. */
  readonly neutral?: readonly string[];
  /** Keys that earlier releases did not have, with the value at which the result is theirs: no part of a fingerprint then. */
  readonly newKeys?: JsonObject;
  /** Keys of `with`, dotted ones too, that name a list of subnets below the project root. */
  readonly lists?: readonly string[];
  /** Keys of `with` that may name a supernet's file below the project root instead of a stage's output. */
  readonly supernets?: readonly string[];
  /** Whether it has epochs that `select` can choose from. */
  readonly hasEpochs?: boolean;
  /** Why equal fingerprints do not make it the same work in another run; absent where they do. */
  readonly anewBecause?: string;
  readonly runs: Runs<z.output<Schema>>;
  /** How it may end without a result, beside the ways that are open to all work of its sort. */
  readonly endings?: readonly Ending[];
  /** Of one attempt, where the stage does not say. */
  readonly startToCloseMs?: number;
  /** Outputs as they could be, to check at load what refers to them. */
  readonly samples: (config: z.output<Schema>) => Readonly<Record<string, unknown>>;
  readonly cost?: (config: z.output<Schema>, lists: Lists) => Cost;
  /** What the schema cannot see: a message `expected …, got …; remedy` for each wrong key. */
  readonly check?: (config: z.output<Schema>, lists: Lists) => readonly Wrong[];
  /** Further names for files of the outputs, relative to the run's folder, for people who know the original. Nothing reads them. */
  readonly alsoNamed?: AlsoNamed;
}

type AlsoNamed = (outputs: JsonObject) => Readonly<Record<string, string>>;

interface Wrong {
  readonly key: string;
  readonly message: string;
}

/** What is known of one cell once its `with` is right. */
interface Examined {
  readonly samples: JsonObject;
  readonly cost: Cost | null;
}

/** Work that is ready to be done: `with` is checked, and what does it has been given it. */
export interface Task {
  /** `with`, its defaults filled in. */
  readonly config: JsonObject;
  readonly runs: Bound;
}

type Bound =
  | { readonly as: 'function'; readonly phase: string; readonly perform: (files: StageFiles) => Promise<JsonObject> }
  | { readonly as: 'process'; readonly entry: string }
  | { readonly as: 'program'; readonly program: Program }
  | { readonly as: 'pipeline' };

export interface Kind {
  readonly name: string;
  readonly codeVersion: number;
  readonly summary: string;
  readonly schema: z.ZodObject;
  /** The names of `with`. */
  readonly keys: readonly string[];
  readonly neutral: readonly string[];
  readonly newKeys: JsonObject;
  readonly lists: readonly string[];
  readonly supernets: readonly string[];
  readonly hasEpochs: boolean;
  /** Why it is not taken over from another run with the same fingerprint; null where it is. */
  readonly anewBecause: string | null;
  readonly alsoNamed: AlsoNamed;
  readonly runsAs: Bound['as'];
  /** `heavy`: on a device, minutes to days; `light`: seconds. */
  readonly work: 'heavy' | 'light';
  readonly queue: string;
  readonly timeout: Timeout;
  readonly retry: Retry;
  /** Every way in which it may end without a result. */
  readonly endings: readonly Ending[];
  /** Checks the `with` of one cell at load, every reference replaced by a value or a sample. */
  examine(config: JsonObject, lists: Lists): { readonly issues: readonly z.core.$ZodIssue[] } | Examined;
  /** What a cell with a checked config costs, told without its lists: memory, and disk of what it trains. Null where it computes nothing on images. */
  costOf(config: JsonObject): Cost | null;
  /**
   * Checks `with` when its work is to begin; the only place where it is.
   * @param where what messages call it: `few-shot-3.with`
   * @throws BadInput with a line for each wrong key
   */
  taskOf(config: JsonObject, where: string): Task;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
export const DAY = 24 * 60 * MINUTE;

const ANY_WORK: readonly Ending[] = ['BadInput', 'Fenced', 'OutOfMemory', 'Crashed', 'Interrupted', 'WorkerShutdown'];

/** On a device: a lost process is noticed within half a minute, a hopeless one parks after a few tries. */
const heavy = {
  work: 'heavy',
  queue: HEAVY_QUEUE,
  timeout: { startToCloseMs: 30 * DAY, heartbeatMs: 30 * SECOND },
  retry: { maximumAttempts: 5, initialIntervalMs: 5 * SECOND, backoffCoefficient: 2 },
  endings: [...ANY_WORK, 'Stalled'],
} as const;

const light = {
  work: 'light',
  queue: CONTROL_QUEUE,
  timeout: { startToCloseMs: 10 * MINUTE, heartbeatMs: null },
  retry: { maximumAttempts: 3, initialIntervalMs: 2 * SECOND, backoffCoefficient: 2 },
  endings: ANY_WORK,
} as const;

/** Makes a kind of its description. */
export function defineKind<Schema extends z.ZodObject>(description: Description<Schema>): Kind {
  const { name, codeVersion, summary, schema, runs, endings = [], startToCloseMs, samples, cost, check } = description;
  const sort = runs.as === 'process' || runs.as === 'program' ? heavy : light;
  return {
    ...sort,
    name,
    codeVersion,
    summary,
    schema,
    keys: Object.keys(schema.shape),
    neutral: description.neutral ?? [],
    newKeys: description.newKeys ?? {},
    lists: description.lists ?? [],
    supernets: description.supernets ?? [],
    hasEpochs: description.hasEpochs ?? false,
    anewBecause: description.anewBecause ?? null,
    alsoNamed: description.alsoNamed ?? (() => ({})),
    runsAs: runs.as,
    timeout: { ...sort.timeout, ...(startToCloseMs === undefined ? {} : { startToCloseMs }) },
    endings: [...sort.endings, ...endings],
    examine(config, lists) {
      const parsed = schema.safeParse(config);
      if (!parsed.success) return { issues: parsed.error.issues };
      const wrong = check?.(parsed.data, lists) ?? [];
      if (wrong.length === 0)
        return { samples: JsonMap.parse(samples(parsed.data)), cost: cost?.(parsed.data, lists) ?? null };
      return { issues: wrong.map(({ key, message }) => ({ code: 'custom', path: [key], message, input: undefined })) };
    },
    costOf: (config) => cost?.(schema.parse(config), {}) ?? null,
    taskOf(config, where) {
      const parsed = schema.safeParse(config);
      if (parsed.success) return { config: JsonMap.parse(parsed.data), runs: bound(runs, parsed.data) };
      const lines = parsed.error.issues.map((issue) => `${[where, ...issue.path].join('.')}: ${issue.message}`);
      throw new BadInput(lines.join('\n'));
    },
  };
}

function bound<Config>(runs: Runs<Config>, config: Config): Bound {
  if (runs.as === 'program') return { as: 'program', program: runs.program(config) };
  if (runs.as !== 'function') return runs;
  return { ...runs, perform: async (files) => JsonMap.parse(await runs.perform(files, config)) };
}
