/** How the `with` of two stages differ, in what their results depend on. */
import { kinds } from './kinds/index.ts';
import type { Json } from './plan.ts';

/** Beside a sha256 they say where a file lies, not what it is. */
const PLACES: ReadonlySet<string> = new Set(['file', 'top1', 'top5']);

/** One value that differs; null where there is none. */
export interface Change {
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
      const counts = isFile ? !PLACES.has(key) || typeof inner !== 'string' : path.length > 0 || !neutral.has(key);
      if (counts) walk(inner, [...path, key]);
    }
  };
  walk(config, []);
  return leaves;
}
