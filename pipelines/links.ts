import { nearest } from './problems.ts';
import type { Path } from './problems.ts';
import { ExpressionError, lookUp, references } from '../plan/references.ts';
import type { Reference, Scope } from '../plan/references.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/** Checks what references refer to, before anything is resolved. */

/** What the references of one stage can see. */
export interface Sight {
  readonly stage: string;
  /** Values, or samples of those that only the run decides. */
  readonly params: JsonObject;
  /** One cell, its values null where the matrix is wrong; null for a stage without matrix. */
  readonly matrix: JsonObject | null;
  /** Every stage of the file, in order. */
  readonly ids: readonly string[];
  /** The stages that are done before this one; null where a cycle leaves that open. */
  readonly ancestors: ReadonlySet<string> | null;
  /** Samples of their outputs; no entry for a stage that is wrong itself. */
  readonly outputs: ReadonlyMap<string, JsonObject>;
}

interface Linked {
  /** The value, null where a reference is wrong or leads to what is wrong. */
  readonly value: Json;
  /** Where those are: nothing below can be checked. */
  readonly unknown: readonly Path[];
  readonly problems: readonly { readonly path: Path; readonly message: string }[];
}

/** Follows every reference in a value. */
export function linked(value: Json, sight: Sight, path: Path = []): Linked {
  if (typeof value === 'string') return linkedText(value, sight, path);
  if (value === null || typeof value !== 'object') return { value, unknown: [], problems: [] };
  const parts = Object.entries(value).map(([key, item]) => [key, linked(item, sight, [...path, key])] as const);
  const entries = parts.map(([key, part]) => [key, part.value] as const);
  return {
    value: Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries),
    unknown: parts.flatMap(([, part]) => part.unknown),
    problems: parts.flatMap(([, part]) => part.problems),
  };
}

function linkedText(text: string, sight: Sight, path: Path): Linked {
  try {
    const found = references(text);
    const messages = found.flatMap((reference) => wrongIn(reference, sight) ?? []);
    const known = messages.length === 0 && found.every((reference) => isKnown(reference, sight));
    return {
      value: known ? text : null,
      unknown: known ? [] : [path],
      problems: messages.map((message) => ({ path, message })),
    };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { value: null, unknown: [path], problems: [{ path, message: `${error.message}; correct the reference` }] };
  }
}

/** What is wrong with a reference, null if nothing is. */
export function wrongIn(reference: Reference, sight: Sight): string | null {
  const [name = '', output = ''] = reference.path;
  const written = `\${{ ${reference.text} }}`;
  if (reference.scope === 'params' && !Object.hasOwn(sight.params, name)) {
    return `expected a param of this file, got ${written}${nearest(name, Object.keys(sight.params))}`;
  }
  if (reference.scope === 'matrix') {
    if (sight.matrix === null)
      return `expected a stage with a matrix, got ${written} in one without; add matrix: {${name}: …}`;
    if (!Object.hasOwn(sight.matrix, name)) {
      return `expected a name of the matrix, got ${written}${nearest(name, Object.keys(sight.matrix))}`;
    }
  }
  if (reference.scope === 'stages') {
    if (!sight.ids.includes(name)) return `expected a stage of this file, got ${written}${nearest(name, sight.ids)}`;
    if (name === sight.stage)
      return `expected another stage, got ${written} in ${name} itself; refer to one that comes before`;
    if (sight.ancestors && !sight.ancestors.has(name)) {
      return `expected a stage that ${sight.stage} needs, got ${written}; add ${name} to needs`;
    }
    const outputs = sight.outputs.get(name);
    if (!outputs) return null;
    if (!Object.hasOwn(outputs, output))
      return `expected an output of ${name}, got ${written}${nearest(output, Object.keys(outputs))}`;
  }
  try {
    lookUp(reference, scopeOf(sight));
    return null;
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return `expected a value that is there, got ${written}: ${error.message.replace(`${reference.text}: `, '')}; correct the reference`;
  }
}

/** The samples as references resolve to them. */
export function scopeOf(sight: Sight): Scope {
  return {
    params: sight.params,
    ...(sight.matrix === null ? {} : { matrix: sight.matrix }),
    stages: Object.fromEntries(sight.outputs),
  };
}

function isKnown(reference: Reference, sight: Sight): boolean {
  const [name = ''] = reference.path;
  if (reference.scope === 'matrix') return sight.matrix?.[name] !== null;
  return reference.scope !== 'stages' || sight.outputs.has(name);
}
