/** The value at a path; undefined where there is none. */
export function valueAt(value: Json, path: readonly (string | number)[]): Json | undefined {
  let at: Json | undefined = value;
  for (const name of path) {
    if (at === undefined) return undefined;
    at = memberOf(at, String(name));
  }
  return at;
}

/** What a map or a list has by that name or number; undefined where it has none of its own. */
export function memberOf(value: Json, name: string): Json | undefined {
  if (isList(value)) return /^\d+$/.test(name) ? value[Number(name)] : undefined;
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** The compiled pipeline: what the workflow gets as its input. Types only, so that workflow code may import them. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json;
}
