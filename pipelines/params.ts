import type { Settings } from './layers.ts';
import { nearest, problem } from './problems.ts';
import type { Problem, Report } from './problems.ts';
import type { PipelineFile } from './schema.ts';
import type { ParamValue } from './words.ts';
import type { Source } from './yaml.ts';
import { valueAt } from '../plan/json.ts';
import type { Json, JsonObject } from '../plan/json.ts';
import type { Reference } from '../plan/references.ts';

/** The params of a pipeline: their values, where those come from, and which of them nothing uses. */

/** The params of the file, those given from outside over them. */
export function paramsOf(file: PipelineFile, source: Source, settings: Settings, report: Report): JsonObject {
  const params: Record<string, Json> = { ...file.params };
  const refuse = (name: string, message: string): void => {
    const place = settings.params.get(name)?.place ?? source.place(['params', name]);
    report(problem(place, ['params', name], message));
  };
  for (const [name, { value, place }] of settings.params) {
    if (Object.hasOwn(file.params, name)) params[name] = value;
    else
      report(
        problem(place, [], `expected a param of ${source.file}, got ${name}${nearest(name, Object.keys(file.params))}`),
      );
  }
  for (const [name, value] of Object.entries(params)) {
    if (!JSON.stringify(value).includes('${{')) continue;
    refuse(name, 'expected a value, got a reference; params do not refer to anything, write the value');
  }
  return params;
}

/** A param, or what is in it, with how and where it is written; null where that is not known before the run. */
export function paramValue(
  { path: at }: Reference,
  source: Source,
  params: JsonObject,
  { settings, deferred }: { readonly settings: Settings; readonly deferred: JsonObject },
): ParamValue | null {
  const [name = '', ...inside] = at;
  const value = valueAt(params, at);
  if (value === undefined || Object.hasOwn(deferred, name)) return null;
  const given = settings.params.get(name);
  if (given) return { value, place: () => given.place, written: (below) => given.written([...inside, ...below]) };
  const own = ['params', ...at];
  return {
    value,
    place: (below) => source.place([...own, ...below]),
    written: (below) => source.written([...own, ...below]),
  };
}

/** Params that no stage asks for: whoever sets one would wait in vain. */
export function idleParams(file: PipelineFile, source: Source, texts: readonly string[]): Problem[] {
  const used = new Set(
    texts.flatMap((text) =>
      [...text.matchAll(/\bparams\.([A-Za-z0-9_][A-Za-z0-9_-]*)/g)].map((match) => match[1] ?? ''),
    ),
  );
  const idle = Object.keys(file.params).filter((name) => !used.has(name));
  return idle.map((name) => {
    const message = `expected a param that some stage uses, got ${name}, which nothing refers to; remove it`;
    return problem(source.keyPlace(['params', name]), ['params', name], message);
  });
}
