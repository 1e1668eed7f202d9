/** Values of JSON, and how to reach into them. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

export interface JsonObject {
  readonly [key: string]: Json;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** What a map or a list has by that name or number; undefined where it has none of its own. */
export function memberOf(value: Json, name: string): Json | undefined {
  if (isList(value)) return /^\d+$/.test(name) ? value[Number(name)] : undefined;
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** The value at a path; undefined where there is none. */
export function valueAt(value: Json, path: readonly (string | number)[]): Json | undefined {
  let at: Json | undefined = value;
  for (const name of path) {
    if (at === undefined) return undefined;
    at = memberOf(at, String(name));
  }
  return at;
}

/** The same value with another one at a path; maps that are missing on the way are made. */
export function withValueAt(value: Json | undefined, [name, ...rest]: readonly string[], inner: Json): Json {
  if (name === undefined) return inner;
  if (isList(value)) return value.map((item, at) => (String(at) === name ? withValueAt(item, rest, inner) : item));
  const map = isObject(value) ? value : {};
  return { ...map, [name]: withValueAt(map[name], rest, inner) };
}
