import type { Context } from './compile.ts';
import { kinds } from './kinds/catalogue.ts';
import { nearest, problem } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import type { StageFile } from './schema.ts';
import { readYaml } from './yaml.ts';
import type { Source } from './yaml.ts';
import { isObject, valueAt } from '../plan/json.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/** Configuration in layers: later ones win key by key, maps are merged, and every value remembers where it was written. */

export interface Layer {
  readonly value: JsonObject;
  has(path: Path): boolean;
  place(path: Path): Place;
  keyPlace(path: Path): Place;
}

/** A map inside a document; empty, and placed at what is nearest, where the document has none there. */
export function sourceLayer(source: Source, prefix: Path): Layer {
  const value = valueAt(source.value, prefix);
  return {
    value: isObject(value) ? value : {},
    has: (path) => path.length === 0 || source.has([...prefix, ...path]),
    place: (path) => source.place([...prefix, ...path]),
    keyPlace: (path) => source.keyPlace([...prefix, ...path]),
  };
}

/** One value given by a flag. */
function flagLayer(flag: string, at: Path, given: Json): Layer {
  const place = (): Place => ({ source: flag });
  const value = at.reduceRight<Json>((inner, name) => ({ [name]: inner }), given);
  return {
    value: isObject(value) ? value : {},
    has: (path) => path.length > 0 && valueAt(value, path) !== undefined,
    place,
    keyPlace: place,
  };
}

/** The layer with only those of its top keys. */
function only(layer: Layer, keys: readonly string[]): Layer {
  const value = Object.fromEntries(Object.entries(layer.value).filter(([key]) => keys.includes(key)));
  return { ...layer, value };
}

/** All layers as one; the last is the nearest to the user. */
export function merged(layers: readonly Layer[]): Layer {
  const winner = (path: Path): Layer | undefined => {
    for (let length = path.length; length > 0; length--) {
      const found = layers.findLast((layer) => layer.has(path.slice(0, length)));
      if (found) return found;
    }
    return layers.findLast((layer) => layer.has([])) ?? layers.at(-1);
  };
  return {
    value: layers.reduce<JsonObject>((base, layer) => mergedMaps(base, layer.value), {}),
    has: (path) => layers.some((layer) => layer.has(path)),
    place: (path) => winner(path)?.place(path) ?? { source: '' },
    keyPlace: (path) => winner(path)?.keyPlace(path) ?? { source: '' },
  };
}

function mergedMaps(base: JsonObject, over: JsonObject): JsonObject {
  const result: Record<string, Json> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = result[key];
    result[key] = isObject(below) && isObject(value) ? mergedMaps(below, value) : value;
  }
  return result;
}

/**
 * `--set key=value`: a param, `with.<key>` (of every stage whose kind knows the key) or `stages.<id>.with.<key>`; values are
 * YAML scalars or short YAML lists and maps.
 */

/** A param that was given from outside, and by what. */
interface Given {
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

/** Where the keys of a stage's `with` come from: config files, the pipeline, the stage, flags. */

/** What lies below the `with` of every stage. */
interface Below {
  readonly configs: readonly Layer[];
  readonly with: Layer;
  /** Given by flags, and over what a stage says itself. */
  readonly flags: readonly Layer[];
}

/** The layers that all stages share. */
export function layersBelow(context: Context): Below {
  return {
    configs: configLayers(context.file.config, ['config'], context),
    with: knownKeys(sourceLayer(context.source, ['with']), context),
    flags: context.settings.shared.map((layer) => knownKeys(layer, context)),
  };
}

/** The config files that are named at a path, each a layer. */
function configLayers(names: readonly string[], at: Path, context: Context): Layer[] {
  const { source, project, report } = context;
  return names.flatMap((name, index) => {
    const path = source.has([...at, index]) ? [...at, index] : at;
    const found = project.yaml(`configs/${name}`, source.place(path), path);
    if ('problems' in found) report(...found.problems);
    else if (isObject(found.value.value)) return [knownKeys(sourceLayer(found.value, []), context)];
    else report(problem(source.place(path), path, `expected configs/${name} to hold a map, got none; write one`));
    return [];
  });
}

/** Reports keys that no kind of stage knows; those of another kind are left out stage by stage. */
function knownKeys(layer: Layer, { report }: Context): Layer {
  const known = [...new Set([...kinds.values()].flatMap(({ keys }) => keys))];
  for (const key of Object.keys(layer.value).filter((one) => !known.includes(one))) {
    report(
      problem(
        layer.keyPlace([key]),
        [key],
        `expected a key that some kind of stage knows, got ${JSON.stringify(key)}${nearest(key, known)}`,
      ),
    );
  }
  return layer;
}

/** Config files of the pipeline, then of the stage; `with` of the pipeline, then of the stage; `--set` for all, then for it. */
export function layersOf(id: string, { uses, config }: StageFile, below: Below, context: Context): Layer[] {
  const keys = kinds.get(uses)?.keys ?? [];
  const shared = [...below.configs, ...configLayers(config, ['stages', id, 'config'], context), below.with];
  const own = sourceLayer(context.source, ['stages', id, 'with']);
  const known = (layers: readonly Layer[]): Layer[] => layers.map((layer) => only(layer, keys));
  return [...known(shared), own, ...known(below.flags), ...(context.settings.layers.get(id) ?? [])];
}
