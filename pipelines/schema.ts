import { z } from 'zod';
import { Label, Word } from './words.ts';
import { notifyEvents } from '../plan/notify.ts';
import { keepable } from '../plan/plan.ts';

/** The vocabulary of a pipeline file: shapes alone. What names refer to is checked by links.ts and freeze.ts. */

/** Names a stage, a folder and a word in references. */
const name = z
  .string()
  .max(60)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_-]*$/, 'expected letters, digits, _ and -, the first no -');

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90s`, `5m`, `2h`, `3d` → milliseconds. */
const Duration = z
  .string()
  .regex(/^\d{1,6}(?:\.\d{1,3})?(?:ms|s|m|h|d)$/, 'expected a duration such as 90s, 5m, 2h or 3d')
  .transform((text) => {
    const [, number = '0', unit = 'ms'] = /^([\d.]+)(.*)$/.exec(text) ?? [];
    return Math.round(
      Number(number) * Object.entries(UNITS).reduce((found, [key, ms]) => (key === unit ? ms : found), 1),
    );
  })
  .refine((milliseconds) => milliseconds > 0, 'expected a duration above 0');

/** A list of its values; a range `1..8`; one value; or the subnets of a file, each `{number, code}`, all of them or `only` some. */
const MatrixValues = z.union([
  Label,
  z.array(Label).min(1),
  z.strictObject({ subnets: z.string().min(1), only: z.union([Label, z.array(Label).min(1)]).optional() }),
]);

const Select = z.strictObject({
  by: z.literal('kendall_tau').default('kendall_tau'),
  /** latest-of-the-best: the later of the epochs with the largest tau; max: the first of them. */
  rule: z.enum(['latest-of-the-best', 'max']).default('latest-of-the-best'),
  /** signal: wait for a person's `nas select`; none: go by the rule. */
  wait: z.enum(['none', 'signal']).default('none'),
  /** How long to wait for a person before going by the rule; without it, for ever. */
  timeout: Duration.optional(),
});

const RetryOptions = z.strictObject({
  attempts: z.int().min(1).max(100).optional(),
  /** Before the second attempt. */
  interval: Duration.optional(),
  /** What each further interval is multiplied by. */
  backoff: z.number().min(1).max(10).optional(),
});

const TimeoutOptions = z.union([
  Duration.transform((attempt) => ({ attempt, heartbeat: undefined })),
  z.strictObject({
    /** One attempt, from start to end. */
    attempt: Duration.optional(),
    /** Without a sign of life; only for kinds that run a process. */
    heartbeat: Duration.optional(),
  }),
]);

const Files = z.union([z.string().transform((file) => [file]), z.array(z.string())]).default([]);

export const StageFile = z.strictObject({
  /** A kind of pipelines/kinds/catalogue.ts. */
  uses: z.string().min(1),
  /** Stages that must be done before. */
  needs: z.union([name.transform((id) => [id]), z.array(name)]).default([]),
  /** Folder of its results below the run's; the id where absent. */
  directory: Word.optional(),
  /** Files of configs/, merged over the pipeline's. */
  config: Files,
  /** What the kind is told; merged over the pipeline's `with`, that over the config files. */
  with: z.record(z.string(), z.json()).default({}),
  /** One cell for each combination of values. */
  matrix: z
    .record(name, MatrixValues)
    .refine((matrix) => Object.keys(matrix).length > 0, 'expected at least one name')
    .optional(),
  /** Grammar: plan/conditions.ts. */
  if: z.union([z.string().min(1), z.boolean().transform(String)]).optional(),
  select: Select.optional(),
  retry: RetryOptions.default({}),
  timeout: TimeoutOptions.default({ attempt: undefined, heartbeat: undefined }),
  /** Task queue; the kind's own where absent. */
  queue: name.optional(),
});
export type StageFile = z.infer<typeof StageFile>;

const Event = z.enum(notifyEvents);
const on = z
  .union([Event.transform((event) => [event]), z.array(Event).min(1)])
  .default(['parked', 'selecting', 'done', 'failed']);
const texts = (what: string) =>
  z.union([
    z
      .string()
      .min(1)
      .transform((text) => [text]),
    z.array(z.string().min(1)).min(1, `expected ${what}`),
  ]);

const Channel = z.union([
  z.strictObject({
    on,
    /** Name of the variable, in the workers' environment, that holds the address. */
    webhook: z
      .string()
      .regex(
        /^[A-Z][A-Z0-9_]*$/,
        "expected the name of a variable of the workers' environment that holds the address, such as SLACK_WEBHOOK",
      ),
  }),
  z.strictObject({
    on,
    /** A program and its arguments; it gets the message as JSON on its input, and in NAS_EVENT, NAS_RUN, NAS_STAGE, NAS_TEXT. */
    command: texts('a program'),
  }),
  z.strictObject({
    on,
    /** Addresses. The mail server stands in NAS_SMTP of the workers' environment, the sender in NAS_MAIL_FROM. */
    mail: texts('an address'),
  }),
]);

/** `notify:` of a pipeline. */
export const Notify = z.union([Channel.transform((channel) => [channel]), z.array(Channel)]);

const Priority = z.union([
  z
    .int()
    .min(1)
    .max(5)
    .transform((priorityKey) => ({ priorityKey })),
  z
    .strictObject({
      /** 1 goes first, 5 last; 3 where absent. */
      level: z.int().min(1).max(5).optional(),
      /** A team, say: those with the same key share the workers with those of other keys. */
      fairness_key: z.string().min(1).max(64).optional(),
      /** The key's share, where others have 1. */
      fairness_weight: z.number().min(0.001).max(1000).optional(),
    })
    .transform(({ level, fairness_key: key, fairness_weight: weight }) => ({
      ...(level === undefined ? {} : { priorityKey: level }),
      ...(key === undefined ? {} : { fairnessKey: key }),
      ...(weight === undefined ? {} : { fairnessWeight: weight }),
    })),
]);

export const PipelineFile = z.strictObject({
  name,
  /** Files of configs/, merged in order. */
  config: Files,
  /** Values that `--set` may change. */
  params: z.record(name, z.json()).default({}),
  /** For every stage whose kind knows the key. */
  with: z.record(z.string(), z.json()).default({}),
  /** Who is told of what. */
  notify: Notify.optional(),
  /** Before whose work its own goes where both wait for a worker: 1 (first) to 5, or a map. */
  priority: Priority.optional(),
  /** What `nas clean` leaves of its runs, though no result needs it. */
  keep: z.union([z.enum(keepable).transform((one) => [one]), z.array(z.enum(keepable)).min(1)]).optional(),
  stages: z.record(name, z.json()).refine((stages) => Object.keys(stages).length > 0, 'expected at least one stage'),
});
export type PipelineFile = z.infer<typeof PipelineFile>;
