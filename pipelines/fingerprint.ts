import { createHash } from 'node:crypto';
import { kindOf, kinds } from './kinds/catalogue.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/** What a stage's result depends on, as one hash: equal fingerprints, equal results. */

/** Beside a sha256 they say where a file lies, not what it is. */
const PLACES = new Set(['file', 'origin']);

/**
 * sha256 over the kind, its code version and the fully resolved `with` of one cell. A file counts by its sha256 and not by
 * its path, so another run's equal input gives an equal fingerprint; keys that only steer the work do not count.
 * @throws BadInput for a kind that there is not
 */
export function fingerprintOf(uses: string, config: JsonObject): string {
  const kind = kindOf(uses);
  const counts = Object.fromEntries(Object.entries(config).filter(([key]) => !kind.neutral.includes(key)));
  return createHash('sha256')
    .update(canonical({ uses, codeVersion: kind.codeVersion, with: counts }))
    .digest('hex');
}

/** JSON with sorted keys, and without the paths of files whose hash is known. */
function canonical(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonical(item)).join(',')}]`;
  const entries = Object.entries(value).filter(([key]) => !('sha256' in value && PLACES.has(key)));
  const sorted = entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}

/** How the `with` of two stages differ, in what their results depend on. */

/** Beside a sha256 they say where a file lies, not what it is. */
const NOT_COMPARED: ReadonlySet<string> = new Set(['file', 'origin']);

/** One value that differs; null where there is none. */
interface Change {
  /** Dotted path in `with`. */
  readonly key: string;
  readonly before: string | null;
  readonly now: string | null;
}

/** What changed between two configs of a kind, but for paths of files with known hashes and keys that only steer the work. */
export function changesOf(uses: string, before: Json, now: Json): Change[] {
  const neutral = new Set(kinds.get(uses)?.neutral ?? []);
  const [old, ours] = [leavesOf(before, neutral), leavesOf(now, neutral)];
  return [...new Set([...ours.keys(), ...old.keys()])]
    .filter((key) => ours.get(key) !== old.get(key))
    .map((key) => ({ key, before: old.get(key) ?? null, now: ours.get(key) ?? null }));
}

function leavesOf(config: Json, neutral: ReadonlySet<string>): Map<string, string> {
  const leaves = new Map<string, string>();
  const walk = (value: Json, path: readonly string[]): void => {
    if (typeof value !== 'object' || value === null) {
      leaves.set(path.join('.'), JSON.stringify(value));
      return;
    }
    const entries: [string, Json][] = Object.entries(value);
    const isFile = entries.some(([key]) => key === 'sha256');
    for (const [key, inner] of entries) {
      const counts = isFile
        ? !NOT_COMPARED.has(key) || typeof inner !== 'string'
        : path.length > 0 || !neutral.has(key);
      if (counts) walk(inner, [...path, key]);
    }
  };
  walk(config, []);
  return leaves;
}
