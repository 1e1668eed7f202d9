import path from 'node:path';
import { z } from 'zod';
import { kinds } from './kinds/catalogue.ts';
import type { Kind } from './kinds/kind.ts';
import { PipelineFile, StageFile } from './schema.ts';
import { atomicWrite } from '../artifacts/files.ts';
import { isObject } from '../plan/json.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/**
 * The vocabulary as JSON Schema, for editors: completes names and marks what is wrong while a pipeline is written. Run it
 * after a change of a schema, and it writes pipelines/schema.json: `npx tsx pipelines/editor-schema.ts`.
 */

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
  const names = ['space', 'dataset', ...kind.lists].map((key) => ({ key, type: ['string', 'object'] }));
  const supernets = kind.supernets.map((key) => ({ key, type: ['string', 'object', 'null'] }));
  return [...names, ...supernets].reduce((found, { key, type }) => writtenAsName(found, key.split('.'), type), schema);
}

/** A key that is written as a name; what it stands for is checked at load. The same schema where it has no such key. */
function writtenAsName(schema: JsonObject, [key = '', ...rest]: readonly string[], type: string[]): JsonObject {
  const { properties, anyOf } = schema;
  if (Array.isArray(anyOf)) {
    return {
      ...schema,
      anyOf: anyOf.map((one: Json) => (isObject(one) ? writtenAsName(one, [key, ...rest], type) : one)),
    };
  }
  const inner = isObject(properties) && Object.hasOwn(properties, key) ? properties[key] : undefined;
  if (!isObject(inner) || !isObject(properties)) return schema;
  const named = rest.length === 0 ? { ...described(inner), type } : writtenAsName(inner, rest, type);
  return { ...schema, properties: { ...properties, [key]: named } };
}

function described(key: Json | undefined): JsonObject {
  return isObject(key) && 'description' in key ? { description: key['description'] ?? '' } : {};
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
  if (loose['type'] === 'string' && !('enum' in loose) && !('pattern' in loose)) return loose;
  // What an editor shows stands beside the choice, not in one half of it.
  const { description, ...rest } = loose;
  return { ...(description === undefined ? {} : { description }), anyOf: [rest, REFERENCE] };
}

if (process.argv[1] === import.meta.filename) {
  await atomicWrite(path.join(import.meta.dirname, 'schema.json'), `${JSON.stringify(editorSchema(), null, 1)}\n`);
}
