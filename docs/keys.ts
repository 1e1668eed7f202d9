import { z } from 'zod';
import { isObject } from '../plan/json.ts';
import type { Json, JsonObject } from '../plan/json.ts';

// The keys of a schema, for people: what JSON Schema says of each, flattened.

export interface Key {
  /** Dotted: `select.timeout`, `stages[].depth` in a list, `bands.<name>[].arch` in a map. */
  readonly name: string;
  /** What its value may be, in words. */
  readonly type: string;
  readonly isNumber: boolean;
  /** Of a number; `1` is a plain one. */
  readonly unit: string;
  /** As JSON; null where there is none. */
  readonly fallback: string | null;
  readonly isNeeded: boolean;
  readonly meaning: string;
}

/** Every key of a schema, those of inner maps behind the one that holds them. Maps called `apart` are not opened. */
export function keysOf(schema: z.ZodType, apart: readonly string[] = []): Key[] {
  const made = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', target: 'draft-7', reused: 'inline' });
  return keysIn(z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(made))), '', apart);
}

function keysIn(schema: JsonObject, prefix: string, apart: readonly string[]): Key[] {
  const { properties, items, additionalProperties: values } = schema;
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const own = Object.entries(isObject(properties) ? properties : {}).flatMap(([word, inner]) => {
    if (!isObject(inner)) return [];
    const name = prefix === '' ? word : `${prefix}.${word}`;
    return [keyOf(name, inner, required.includes(word)), ...(apart.includes(name) ? [] : keysIn(inner, name, apart))];
  });
  const all = [
    ...own,
    // Of several maps one may be chosen that has no such key.
    ...optionsOf(schema).flatMap((option) => keysIn(option, prefix, apart).map((key) => ({ ...key, isNeeded: false }))),
    ...(isObject(items) ? keysIn(items, `${prefix}[]`, apart) : []),
    ...(isObject(values) ? keysIn(values, `${prefix}.<name>`, apart) : []),
  ];
  // What may stand alone or in a list is told once.
  const plain = ({ name }: Key): string => name.replaceAll('[]', '');
  return all.filter((key, at) => all.findIndex((other) => plain(other) === plain(key)) === at);
}

function keyOf(name: string, schema: JsonObject, isNeeded: boolean): Key {
  const { unit, description } = schema;
  return {
    name,
    type: typeOf(schema),
    isNumber: holdsNumbers(schema),
    unit: typeof unit === 'string' ? unit : '',
    fallback: 'default' in schema ? JSON.stringify(schema['default']) : null,
    isNeeded: isNeeded && !('default' in schema),
    meaning: typeof description === 'string' ? description : '',
  };
}

function optionsOf(schema: JsonObject): JsonObject[] {
  return ['anyOf', 'oneOf', 'allOf'].flatMap((word) => {
    const list = schema[word];
    return Array.isArray(list) ? list.filter(isObject) : [];
  });
}

/** Whether its value is a number, or a list of them, or null. */
function holdsNumbers({ type, items, const: only, ...schema }: JsonObject): boolean {
  if (type === 'integer' || type === 'number' || typeof only === 'number') return true;
  const inner = [
    ...optionsOf(schema).filter((option) => option['type'] !== 'null'),
    ...[items].flat().filter(isObject),
  ];
  return inner.length > 0 && inner.every(holdsNumbers);
}

function typeOf(schema: JsonObject): string {
  const options = optionsOf(schema);
  if (options.length > 0) return [...new Set(options.map(typeOf))].join(' or ');
  if ('const' in schema) return `\`${JSON.stringify(schema['const'])}\``;
  if (Array.isArray(schema['enum']))
    return schema['enum'].map((one: Json) => `\`${typeof one === 'string' ? one : JSON.stringify(one)}\``).join(', ');
  const { type, items } = schema;
  if (type === 'array') return isObject(items) && !('properties' in items) ? `list of: ${typeOf(items)}` : 'list';
  return `${typeof type === 'string' ? (WORDS.get(type) ?? type) : 'any value'}${rangeOf(schema)}`;
}

const WORDS = new Map([
  ['object', 'map'],
  ['string', 'text'],
  ['boolean', 'true or false'],
  ['null', 'null'],
  ['integer', 'whole number'],
]);
/** What a whole number of JavaScript is limited to says nothing. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

function rangeOf(schema: JsonObject): string {
  const limits = [
    ['minimum', '≥'],
    ['exclusiveMinimum', '>'],
    ['maximum', '≤'],
    ['exclusiveMaximum', '<'],
  ].flatMap(([name = '', sign]) => {
    const limit = schema[name];
    return typeof limit === 'number' && Math.abs(limit) !== UNLIMITED ? [`${sign} ${limit}`] : [];
  });
  return limits.length === 0 ? '' : ` ${limits.join(' and ')}`;
}
