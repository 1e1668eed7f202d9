import type { Json, JsonObject } from './plan.ts';
import type { Path } from './problems.ts';

/** The value at a path; undefined where there is none. */
export function valueAt(value: Json, path: Path): Json | undefined {
  let at: Json | undefined = value;
  for (const name of path) {
    if (at === null || at === undefined || typeof at !== 'object') return undefined;
    at = new Map<string, Json>(Object.entries(at)).get(String(name));
  }
  return at;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
