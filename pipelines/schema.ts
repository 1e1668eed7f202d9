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
  z.strictObject({
    subnets: z.string().min(1).meta({ description: 'A file with a list of subnets; each becomes `{number, code}`.' }),
    only: z
      .union([Label, z.array(Label).min(1)])
      .optional()
      .meta({ description: 'Numbers of those that are taken, such as `1..8`; all where absent.' }),
  }),
]);

const Select = z.strictObject({
  by: z
    .literal('kendall_tau')
    .default('kendall_tau')
    .meta({ description: 'What epochs are compared by: the only measure there is.' }),
  rule: z.enum(['latest-of-the-best', 'max']).default('latest-of-the-best').meta({
    description: '`latest-of-the-best`: the later of the epochs with the largest tau; `max`: the first of them.',
  }),
  wait: z
    .enum(['none', 'signal'])
    .default('none')
    .meta({ description: "`signal`: wait for a person's `nas select`; `none`: go by the rule." }),
  timeout: Duration.optional().meta({
    description: 'How long to wait for a person before going by the rule; for ever where absent.',
  }),
});

const RetryOptions = z.strictObject({
  attempts: z
    .int()
    .min(1)
    .max(100)
    .optional()
    .meta({ description: 'How often it is tried before it parks.', unit: 'attempts' }),
  interval: Duration.optional().meta({ description: 'Before the second attempt.' }),
  backoff: z
    .number()
    .min(1)
    .max(10)
    .optional()
    .meta({ description: 'What each further interval is multiplied by.', unit: 'factor' }),
});

const TimeoutOptions = z.union([
  Duration.transform((attempt) => ({ attempt, heartbeat: undefined })),
  z.strictObject({
    attempt: Duration.optional().meta({ description: 'Of one attempt, from start to end.' }),
    heartbeat: Duration.optional().meta({ description: 'Without a sign of life; only for kinds that run a process.' }),
  }),
]);

const Files = z.union([z.string().transform((file) => [file]), z.array(z.string())]).default([]);

export const StageFile = z.strictObject({
  uses: z.string().min(1).meta({ description: 'The kind of stage.' }),
  needs: z
    .union([name.transform((id) => [id]), z.array(name)])
    .default([])
    .meta({ description: 'Stages that must be done before, beside those that it refers to.' }),
  directory: Word.optional().meta({ description: "Folder of its results below the run's; the id where absent." }),
  config: Files.meta({ description: "Files of configs/, merged in order over the pipeline's." }),
  with: z
    .record(z.string(), z.json())
    .default({})
    .meta({ description: "What the kind is told; merged over the pipeline's `with`, that over the config files." }),
  matrix: z
    .record(name, MatrixValues)
    .refine((matrix) => Object.keys(matrix).length > 0, 'expected at least one name')
    .optional()
    .meta({
      description: 'One cell for each combination of values: lists, ranges such as `1..8`, or subnets of a file.',
    }),
  // Grammar: plan/conditions.ts.
  if: z
    .union([z.string().min(1), z.boolean().transform(String)])
    .optional()
    .meta({ description: 'The stage is left out where it does not hold, such as `stages.one.selected.tau > 0.8`.' }),
  select: Select.optional().meta({ description: 'How the epoch that is handed on is chosen.' }),
  retry: RetryOptions.default({}).meta({
    description: "How often and when it is tried again; the kind's own where absent.",
  }),
  timeout: TimeoutOptions.default({ attempt: undefined, heartbeat: undefined }).meta({
    description: 'How long one attempt may take; a map says more.',
  }),
  queue: name.optional().meta({ description: "Task queue; the kind's own where absent." }),
});
export type StageFile = z.infer<typeof StageFile>;

const Event = z.enum(notifyEvents);
const on = z
  .union([Event.transform((event) => [event]), z.array(Event).min(1)])
  .default(['parked', 'selecting', 'done', 'failed'])
  .meta({ description: 'What is told.' });
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
    webhook: z
      .string()
      .regex(
        /^[A-Z][A-Z0-9_]*$/,
        "expected the name of a variable of the workers' environment that holds the address, such as SLACK_WEBHOOK",
      )
      .meta({ description: "Name of the variable, in the workers' environment, that holds the address." }),
  }),
  z.strictObject({
    on,
    command: texts('a program').meta({
      description:
        'A program and its arguments; it gets the message as JSON on its input, and in NAS_EVENT, NAS_RUN, NAS_STAGE, NAS_TEXT.',
    }),
  }),
  z.strictObject({
    on,
    mail: texts('an address').meta({
      description:
        "Addresses. The mail server stands in NAS_SMTP of the workers' environment, the sender in NAS_MAIL_FROM.",
    }),
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
      level: z.int().min(1).max(5).optional().meta({ description: '1 goes first, 5 last; 3 where absent.', unit: '1' }),
      fairness_key: z
        .string()
        .min(1)
        .max(64)
        .optional()
        .meta({ description: 'A team, say: those with the same key share the workers with those of other keys.' }),
      fairness_weight: z
        .number()
        .min(0.001)
        .max(1000)
        .optional()
        .meta({ description: "The key's share, where others have 1.", unit: 'factor' }),
    })
    .transform(({ level, fairness_key: key, fairness_weight: weight }) => ({
      ...(level === undefined ? {} : { priorityKey: level }),
      ...(key === undefined ? {} : { fairnessKey: key }),
      ...(weight === undefined ? {} : { fairnessWeight: weight }),
    })),
]);

export const PipelineFile = z.strictObject({
  name: name.meta({ description: 'Of the pipeline, and of its runs unless `--id` names another.' }),
  config: Files.meta({ description: 'Files of configs/, merged in order.' }),
  params: z.record(name, z.json()).default({}).meta({ description: 'Values that `--set` may change.' }),
  with: z.record(z.string(), z.json()).default({}).meta({ description: 'For every stage whose kind knows the key.' }),
  notify: Notify.optional().meta({ description: 'Who is told of what.' }),
  priority: Priority.optional().meta({
    description: 'Before whose work its own goes where both wait for a worker: 1 (first) to 5, or a map.',
  }),
  keep: z
    .union([z.enum(keepable).transform((one) => [one]), z.array(z.enum(keepable)).min(1)])
    .optional()
    .meta({ description: 'What `nas clean` leaves of its runs, though no result needs it.' }),
  stages: z
    .record(name, z.json())
    .refine((stages) => Object.keys(stages).length > 0, 'expected at least one stage')
    .meta({ description: 'The stages by their ids.' }),
});
export type PipelineFile = z.infer<typeof PipelineFile>;
