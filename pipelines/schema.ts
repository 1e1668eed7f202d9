import { z } from 'zod';
import { kinds } from './kinds/catalogue.ts';
import type { Kind } from './kinds/kind.ts';
import { isObject } from '../plan/json.ts';
import type { Json, JsonObject } from '../plan/json.ts';

// The vocabulary of a pipeline file. Only shapes: what names refer to is checked by load.ts.

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

/** Numbers, texts and truth values. */
const scalar = z.union([z.number(), z.string(), z.boolean()]);

/** A list of its values; a range `1..8`; one value; or the subnets of a file, each `{number, code}`, all of them or `only` some. */
const MatrixValues = z.union([
  scalar,
  z.array(scalar).min(1),
  z.strictObject({ subnets: z.string().min(1), only: z.union([scalar, z.array(scalar).min(1)]).optional() }),
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
  /** A kind of pipelines/kinds. */
  uses: z.string().min(1),
  /** Stages that must be done before. */
  needs: z.union([name.transform((id) => [id]), z.array(name)]).default([]),
  /** Folder of its results below the run's; the id where absent. */
  directory: z.union([z.string().min(1).max(200), z.number().transform(String)]).optional(),
  /** Files of configs/, merged over the pipeline's. */
  config: Files,
  /** What the kind is told; merged over the pipeline's `with`, that over the config files. */
  with: z.record(z.string(), z.json()).default({}),
  /** One cell for each combination of values. */
  matrix: z
    .record(name, MatrixValues)
    .refine((matrix) => Object.keys(matrix).length > 0, 'expected at least one name')
    .optional(),
  /** Grammar: pipelines/conditions.ts. */
  if: z.union([z.string().min(1), z.boolean().transform(String)]).optional(),
  select: Select.optional(),
  retry: RetryOptions.default({}),
  timeout: TimeoutOptions.default({ attempt: undefined, heartbeat: undefined }),
  /** Task queue; the kind's own where absent. */
  queue: name.optional(),
});
export type StageFile = z.infer<typeof StageFile>;

export const PipelineFile = z.strictObject({
  name,
  /** Files of configs/, merged in order. */
  config: Files,
  /** Values that `--set` may change. */
  params: z.record(name, z.json()).default({}),
  /** For every stage whose kind knows the key. */
  with: z.record(z.string(), z.json()).default({}),
  stages: z.record(name, z.json()).refine((stages) => Object.keys(stages).length > 0, 'expected at least one stage'),
});
export type PipelineFile = z.infer<typeof PipelineFile>;

/** The vocabulary as JSON Schema, for editors: completes names and marks what is wrong while a pipeline is written. */

const REFERENCE: JsonObject = { $ref: '#/$defs/reference' };

/** The contents of pipelines/schema.json. */
export function editorSchema(): JsonObject {
  const file = loosened(schemaOf(PipelineFile));
  const properties = isObject(file['properties']) ? file['properties'] : {};
  return {
    ...file,
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Pipeline',
    required: ['name', 'stages'],
    properties: { ...properties, stages: { type: 'object', minProperties: 1, additionalProperties: stageSchema() } },
    $defs: {
      reference: {
        type: 'string',
        pattern: '\\$\\{\\{.*\\}\\}',
        description: 'a reference: ${{ params.… }}, ${{ matrix.… }}, ${{ stages.… }}',
      },
    },
  };
}

function stageSchema(): JsonObject {
  const all = [...kinds.values()];
  const stage = loosened(schemaOf(StageFile));
  const properties = isObject(stage['properties']) ? stage['properties'] : {};
  return {
    ...stage,
    required: ['uses'],
    properties: {
      ...properties,
      uses: {
        enum: all.map((kind) => kind.name),
        description: all.map((kind) => `${kind.name}: ${kind.summary}`).join('\n'),
      },
    },
    allOf: all.map((kind) => ({
      if: { properties: { uses: { const: kind.name } } },
      // oxlint-disable-next-line unicorn/no-thenable -- a word of JSON Schema, never awaited
      then: { properties: { with: withSchema(kind) } },
    })),
  };
}

/** Nothing is required: config files give what the stage leaves out. */
function withSchema(kind: Kind): JsonObject {
  const schema = loosened(schemaOf(kind.schema));
  const properties = isObject(schema['properties']) ? schema['properties'] : {};
  const named = ['space', 'dataset', ...kind.lists].filter((key) => Object.hasOwn(properties, key));
  // Written as names; what they stand for is checked at load.
  const names = [
    ...named.map((key) => [key, { type: ['string', 'object'] }] as const),
    ...kind.supernets.map((key) => [key, { type: ['string', 'object', 'null'] }] as const),
  ];
  return { ...schema, properties: { ...properties, ...Object.fromEntries(names) } };
}

function schemaOf(schema: z.ZodType): JsonObject {
  const made: unknown = JSON.parse(
    JSON.stringify(
      z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', target: 'draft-7', reused: 'inline' }),
    ),
  );
  const { $schema: _, ...rest } = z.record(z.string(), z.json()).parse(made);
  return rest;
}

/** Every value may be a reference, and no key is required. */
function loosened(schema: JsonObject): JsonObject {
  const { required: _, ...rest } = schema;
  const maps = (value: Json | undefined): JsonObject => {
    return isObject(value)
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, orReference(inner)]))
      : {};
  };
  const lists = ['anyOf', 'oneOf', 'allOf'].flatMap((key) => {
    const list = rest[key];
    return Array.isArray(list)
      ? [[key, list.map((inner: Json) => (isObject(inner) ? loosened(inner) : inner))] as const]
      : [];
  });
  return {
    ...rest,
    ...('properties' in rest ? { properties: maps(rest['properties']) } : {}),
    ...(isObject(rest['additionalProperties'])
      ? { additionalProperties: orReference(rest['additionalProperties']) }
      : {}),
    ...(isObject(rest['items']) ? { items: orReference(rest['items']) } : {}),
    ...Object.fromEntries(lists),
  };
}

function orReference(schema: Json | undefined): Json {
  if (!isObject(schema)) return schema ?? {};
  const loose = loosened(schema);
  return loose['type'] === 'string' && !('enum' in loose) && !('pattern' in loose)
    ? loose
    : { anyOf: [loose, REFERENCE] };
}
