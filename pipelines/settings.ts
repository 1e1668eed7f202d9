/**
 * `--set key=value`: a param, `with.<key>` (of every stage whose kind knows the key) or `stages.<id>.with.<key>`; values are
 * YAML scalars or short YAML lists and maps.
 */
import { flagLayer } from './layers.ts';
import type { Layer } from './layers.ts';
import type { Json } from './plan.ts';
import { readYaml } from './positions.ts';
import { problem } from './problems.ts';
import type { Place, Problem } from './problems.ts';

/** A param that was given from outside, and by what. */
export interface Given {
  readonly value: Json;
  readonly place: Place;
}

export interface Settings {
  readonly params: ReadonlyMap<string, Given>;
  /** Of all stages, in the order of the flags. */
  readonly shared: readonly Layer[];
  /** By stage, in the order of the flags; over the shared ones. */
  readonly layers: ReadonlyMap<string, readonly Layer[]>;
  readonly problems: readonly Problem[];
}

const KEY = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;
const FORMS = 'key=value, key the name of a param, with.<key> or stages.<id>.with.<key>';

/** Reads `--set` flags, each given as `key=value`. The last of two for one key wins. */
export function parseSettings(flags: readonly string[]): Settings {
  const params = new Map<string, Given>();
  const shared: Layer[] = [];
  const layers = new Map<string, Layer[]>();
  const problems: Problem[] = [];
  for (const flag of flags) {
    const place = { source: `--set ${flag.slice(0, 200)}` };
    const equals = flag.indexOf('=');
    const key = flag.slice(0, Math.max(0, equals)).trim();
    const path = key.split('.');
    const [first, stage, word, ...inside] = path;
    const isParam = path.length === 1 && first !== 'stages' && first !== 'with';
    const isShared = path.length > 1 && first === 'with';
    const isWith = isShared || (first === 'stages' && word === 'with' && inside.length > 0);
    if (equals < 0 || !KEY.test(key) || path.includes('__proto__') || !(isParam || isWith)) {
      problems.push(problem(place, [], `expected ${FORMS}, got ${JSON.stringify(flag.slice(0, 60))}; write it so`));
      continue;
    }
    const text = flag.slice(equals + 1).trim();
    // Nothing is the empty text, and a number too long to be exact (an arch code) is text too.
    const { source, problems: wrong } = readYaml(
      place.source,
      text === '' || /^\d{16,}$/.test(text) ? `"${text}"` : text,
    );
    problems.push(...wrong.map(({ message }) => problem(place, [], message)));
    if (!source) continue;
    if (isParam) params.set(key, { value: source.value, place });
    else if (isShared) shared.push(flagLayer(place.source, path.slice(1), source.value));
    else layers.set(stage ?? '', [...(layers.get(stage ?? '') ?? []), flagLayer(place.source, inside, source.value)]);
  }
  return { params, shared, layers, problems };
}
