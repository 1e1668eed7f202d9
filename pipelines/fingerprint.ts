/** What a stage's result depends on, as one hash: equal fingerprints, equal results. */
import { createHash } from 'node:crypto';
import { kinds } from './kinds/index.ts';
import type { Json, JsonObject } from './plan.ts';

/** Beside a sha256 they say where a file lies, not what it is. */
const PLACES = new Set(['file', 'origin', 'top1', 'top5']);

/**
 * sha256 over the kind, its code version and the fully resolved `with` of one cell. A file counts by its sha256 and not by
 * its path, so another run's equal input gives an equal fingerprint; keys that only steer the work do not count.
 * @throws RangeError for a kind that there is not
 */
export function fingerprintOf(uses: string, config: JsonObject): string {
  const kind = kinds.get(uses);
  if (!kind) throw new RangeError(`uses: expected one of ${[...kinds.keys()].join(', ')}, got ${JSON.stringify(uses)}`);
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
