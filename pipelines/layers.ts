import { kinds } from './kinds/catalogue.ts';
import { nearest, problem } from './problems.ts';
import type { Path, Place, Problem, Report } from './problems.ts';
import type { Project } from './project.ts';
import type { PipelineFile, StageFile } from './schema.ts';
import { readYaml } from './yaml.ts';
import type { Located, Source } from './yaml.ts';
import { isObject, valueAt } from '../plan/json.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/** Configuration in layers: later ones win key by key, maps are merged, and every value remembers where it was written. */

export interface Layer extends Located {
  readonly value: JsonObject;
}

/** A map inside a document; empty, and placed at what is nearest, where the document has none there. */
export function sourceLayer(source: Source, prefix: Path): Layer {
  const value = valueAt(source.value, prefix);
  return {
    value: isObject(value) ? value : {},
    has: (path) => path.length === 0 || source.has([...prefix, ...path]),
    place: (path) => source.place([...prefix, ...path]),
    keyPlace: (path) => source.keyPlace([...prefix, ...path]),
    written: (path) => source.written([...prefix, ...path]),
  };
}

/** One value given by a flag. */
function flagLayer(given: Source, at: Path): Layer {
  const place = (): Place => ({ source: given.file });
  const value = at.reduceRight<Json>((inner, name) => ({ [name]: inner }), given.value);
  return {
    value: isObject(value) ? value : {},
    has: (path) => path.length > 0 && valueAt(value, path) !== undefined,
    place,
    keyPlace: place,
    written: (path) => given.written(path.slice(at.length)),
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
    written: (path) => winner(path)?.written(path),
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

/** A param that was given from outside of the file: by a flag, or by the pipeline that runs this one. */
export interface Given {
  readonly value: Json;
  readonly place: Place;
  /** How the value at a path in it is written that is not in quotes. */
  readonly written: (path: Path) => string | undefined;
}

/** What `--set` says. */
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

/**
 * Reads `--set` flags, each given as `key=value`: a param, `with.<key>` (of every stage whose kind knows the key) or
 * `stages.<id>.with.<key>`. Values are YAML scalars or short YAML lists and maps. The last of two for one key wins.
 */
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
    if (isParam) params.set(key, { value: source.value, place, written: (at) => source.written(at) });
    else if (isShared) shared.push(flagLayer(source, path.slice(1)));
    else layers.set(stage ?? '', [...(layers.get(stage ?? '') ?? []), flagLayer(source, inside)]);
  }
  return { params, shared, layers, problems };
}

/** The pipeline whose stages have layers. */
interface Pipeline {
  readonly source: Source;
  readonly file: PipelineFile;
  readonly settings: Settings;
  readonly project: Project;
  readonly report: Report;
}

/** The layers that all stages share. */
interface Shared {
  /** Config files, then the pipeline's own `with`: below what a stage says. */
  readonly below: readonly Layer[];
  /** Flags for all stages: over what a stage says. */
  readonly above: readonly Layer[];
}

/** @param uses the kinds of the pipeline's stages */
export function sharedLayers(pipeline: Pipeline, uses: ReadonlySet<string>): Shared {
  const { file, source, settings, report } = pipeline;
  const own = sourceLayer(source, ['with']);
  for (const layer of [own, ...settings.shared]) report(...strayKeys(layer), ...idleKeys(layer, uses));
  const configs = configLayers(file.config, ['config'], pipeline);
  return { below: [...configs.map(({ layer }) => layer), own], above: settings.shared };
}

/**
 * The layers of a stage's `with`, the nearest to the user last: config files of the pipeline, then of the stage; `with` of
 * the pipeline, then of the stage; `--set` for all stages, then for it.
 */
export function layersOf(id: string, { uses, config }: StageFile, shared: Shared, pipeline: Pipeline): Layer[] {
  const keys = kinds.get(uses)?.keys ?? [];
  const known = (layers: readonly Layer[]): Layer[] => layers.map((layer) => only(layer, keys));
  const files = configLayers(config, ['stages', id, 'config'], pipeline);
  for (const { layer, name, path } of files) {
    if (!kinds.has(uses) || Object.keys(layer.value).some((key) => keys.includes(key))) continue;
    const message = `expected a config file with a key of ${uses}, got configs/${name} with none; remove it`;
    pipeline.report(problem(pipeline.source.place(path), path, message));
  }
  const below = [...shared.below.slice(0, -1), ...files.map(({ layer }) => layer), ...shared.below.slice(-1)];
  const own = sourceLayer(pipeline.source, ['stages', id, 'with']);
  return [...known(below), own, ...known(shared.above), ...(pipeline.settings.layers.get(id) ?? [])];
}

/** The config files that are named at a path, each a layer. */
function configLayers(
  names: readonly string[],
  at: Path,
  { source, project, report }: Pipeline,
): { layer: Layer; name: string; path: Path }[] {
  return names.flatMap((name, index) => {
    const path = source.has([...at, index]) ? [...at, index] : at;
    const found = project.yaml(`configs/${name}`, source.place(path), path);
    if ('problems' in found) report(...found.problems);
    else if (isObject(found.value.value)) {
      const layer = sourceLayer(found.value, []);
      report(...strayKeys(layer));
      return [{ layer, name, path }];
    } else report(problem(source.place(path), path, `expected configs/${name} to hold a map, got none; write one`));
    return [];
  });
}

/** Keys that no kind of stage knows. Those of other kinds may stand in a file for many pipelines: each stage takes its own. */
function strayKeys(layer: Layer): Problem[] {
  const known = [...new Set([...kinds.values()].flatMap(({ keys }) => keys))];
  const stray = Object.keys(layer.value).filter((key) => !known.includes(key));
  return stray.map((key) => {
    const message = `expected a key that some kind of stage knows, got ${JSON.stringify(key)}${nearest(key, known)}`;
    return problem(layer.keyPlace([key]), [key], message);
  });
}

/** Keys that some kind knows, but no stage of this pipeline. */
function idleKeys(layer: Layer, uses: ReadonlySet<string>): Problem[] {
  if (![...uses].every((name) => kinds.has(name))) return [];
  const known = [...kinds.values()].filter(({ keys, name }) => keys.length > 0 && !uses.has(name));
  const here = [...uses].flatMap((name) => kinds.get(name)?.keys ?? []);
  const idle = Object.keys(layer.value).filter((key) => !here.includes(key));
  return idle.flatMap((key) => {
    const of = known.filter(({ keys }) => keys.includes(key)).map(({ name }) => name);
    if (of.length === 0) return [];
    const message = `expected a key of some stage of this pipeline, got ${JSON.stringify(key)}, which is one of ${of.join(', ')}; remove it`;
    return [problem(layer.keyPlace([key]), [key], message)];
  });
}
