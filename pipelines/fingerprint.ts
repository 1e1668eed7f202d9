import { createHash } from 'node:crypto';
import { kindOf } from './kinds/catalogue.ts';
import { JsonMap } from '../artifacts/json.ts';
import { isObject } from '../plan/json.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/** What a stage's result depends on: as one hash, where equal hashes mean equal results, and how two of them differ. */

/** Beside a sha256 they say where a file lies, not what it is. */
const PLACES: ReadonlySet<string> = new Set(['file', 'origin']);
/** Images are the same wherever they come from: the hashes of their lists count. */
const SOURCE_OF_IMAGES = 'shards';

/**
 * sha256 over the kind, its code version and the fully resolved `with` of one cell. A file counts by its sha256 and not by
 * its path, so another run's equal input gives an equal fingerprint; keys that only steer the work do not count.
 * @throws BadInput for a kind that there is not
 */
export function fingerprintOf(uses: string, config: JsonObject): string {
  const { codeVersion } = kindOf(uses);
  return createHash('sha256')
    .update(canonical({ uses, codeVersion, with: whatCounts(uses, config) }))
    .digest('hex');
}

/** One value that differs; null where there is none. */
export interface Change {
  /** Dotted path in `with`. */
  readonly key: string;
  readonly before: string | null;
  readonly now: string | null;
}

/** What changed between two configs of a kind, of that which a fingerprint counts. */
export function changesOf(uses: string, before: JsonObject, now: JsonObject): Change[] {
  const [old, ours] = [leavesOf(whatCounts(uses, before)), leavesOf(whatCounts(uses, now))];
  return [...new Set([...ours.keys(), ...old.keys()])]
    .filter((key) => ours.get(key) !== old.get(key))
    .map((key) => ({ key, before: old.get(key) ?? null, now: ours.get(key) ?? null }));
}

/**
 * Why unfinished work that was begun under another fingerprint is gone on with under this config, as a notice; null where it is not.
 * That is so where it is trained by another number of ranks: only the rounding differs, or the batch.
 */
export function wentOnBecause(uses: string, found: Begun, config: JsonObject): string | null {
  const before = JsonMap.parse(found.config);
  if (found.uses !== uses || fingerprintOf(uses, before) !== found.fingerprint) return null;
  const keys = changesOf(uses, before, config).map(({ key }) => key);
  if (!keys.includes('ranks') || !keys.every((key) => RANKED.has(key))) return null;
  const valueIn = (where: JsonObject, key: string): string => JSON.stringify(where[key] ?? kindOf(uses).newKeys[key]);
  const changes = keys.map((key) => `${key} was ${valueIn(before, key)} and is ${valueIn(config, key)}`);
  return `went on where ${changes.join(', ')}: the rest has other bits than without the change`;
}

/** What together says how many images a step has, and how they are shared out. */
const RANKED: ReadonlySet<string> = new Set(['ranks', 'batch_size']);

/** What a manifest says of its work. */
interface Begun {
  readonly uses: string;
  readonly fingerprint: string;
  readonly config: Json;
}

/** Without keys that only steer the work, or have the value that was meant before there was the key, and without the places of files whose hash is known. */
function whatCounts(uses: string, config: JsonObject): JsonObject {
  const { neutral, newKeys } = kindOf(uses);
  const counts = ([key, value]: [string, Json]): boolean => !neutral.includes(key) && newKeys[key] !== value;
  return withoutPlaces(Object.fromEntries(Object.entries(config).filter(counts)));
}

function withoutPlaces(map: JsonObject): JsonObject {
  const inner = (value: Json): Json => {
    if (Array.isArray(value)) return value.map((item: Json) => inner(item));
    return isObject(value) ? withoutPlaces(value) : value;
  };
  const entries = Object.entries(map).filter(
    ([key]) => key !== SOURCE_OF_IMAGES && !('sha256' in map && PLACES.has(key)),
  );
  return Object.fromEntries(entries.map(([key, value]) => [key, inner(value)]));
}

/** JSON with sorted keys. */
function canonical(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonical(item)).join(',')}]`;
  const sorted = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}

/** Every scalar by its dotted path; a key that a path could not be read with is quoted. */
function leavesOf(value: Json, path: readonly string[] = [], leaves = new Map<string, string>()): Map<string, string> {
  if (typeof value !== 'object' || value === null) return leaves.set(path.join('.'), JSON.stringify(value));
  for (const [key, inner] of Object.entries(value))
    leavesOf(inner, [...path, /^[^."]+$/.test(key) ? key : JSON.stringify(key)], leaves);
  return leaves;
}
