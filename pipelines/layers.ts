/** Configuration in layers: later ones win key by key, maps are merged, and every value remembers where it was written. */
import { isObject, valueAt } from './json.ts';
import type { Json, JsonObject } from './plan.ts';
import type { Path, Place } from './problems.ts';
import type { Source } from './positions.ts';

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
export function flagLayer(flag: string, at: Path, given: Json): Layer {
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
export function only(layer: Layer, keys: readonly string[]): Layer {
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
