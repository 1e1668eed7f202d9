import { BadInput } from './endings.ts';
import { memberOf } from './json.ts';
import type { Json, JsonObject } from './json.ts';

/**
 * References in pipeline files: `${{ params.x }}`, `${{ matrix.x }}`, `${{ stages.ID.OUTPUT }}`, further names walk into the
 * value (`${{ stages.one-shot.selected.tau }}`), numbers into a list (`${{ stages.evaluate.part.0.file }}`).
 * A string that is one reference and nothing else becomes the value itself; inside a longer string it becomes text.
 * Pure: the workflow resolves the same references at run time.
 */

/** What references see. An absent scope leaves its references as they stand, for whoever resolves next. */
export interface Scope {
  readonly params?: JsonObject;
  readonly matrix?: JsonObject;
  /** Outputs by stage id; null for a stage that was skipped: every path into it is null. */
  readonly stages?: { readonly [id: string]: JsonObject | null };
}

/** Params whose references stay as they stand: those of a sub-pipeline that only the parent's run decides. */
export type Deferred = ReadonlySet<string>;

export interface Reference {
  readonly scope: keyof Scope;
  /** Names after the scope, at least one. */
  readonly path: readonly string[];
  /** As a person would write it: `stages.one-shot.selected`. */
  readonly text: string;
}

/** Where a person is at fault; the message is a whole sentence for the one who wrote the file. */
export class ExpressionError extends BadInput {}

// No braces inside, so that both match in linear time whatever the input.
const MARK = /\$\{\{([^{}]*)\}\}/g;
const WHOLE = /^\s*\$\{\{([^{}]*)\}\}\s*$/;
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/;

/** Parses `stages.one-shot.selected`. Throws ExpressionError. */
export function parseReference(text: string): Reference {
  const [scope, ...path] = text.trim().split('.');
  if (scope !== 'params' && scope !== 'matrix' && scope !== 'stages') {
    throw new ExpressionError(`expected params.…, matrix.… or stages.… in \${{ }}, got ${JSON.stringify(text.trim())}`);
  }
  const least = scope === 'stages' ? 2 : 1;
  if (path.length < least || !path.every((name) => NAME.test(name))) {
    const form = scope === 'stages' ? 'stages.<id>.<output>' : `${scope}.<name>`;
    throw new ExpressionError(`expected ${form}, got ${JSON.stringify(text.trim())}`);
  }
  return { scope, path, text: [scope, ...path].join('.') };
}

/** Whether a text is one reference and nothing else: it becomes the value itself. */
export function isReference(text: string): boolean {
  return WHOLE.test(text);
}

/** Every reference in a value, keys aside. Throws ExpressionError for text in `${{ }}` that is none. */
export function references(value: Json): Reference[] {
  if (typeof value === 'string') {
    if (value.replaceAll(MARK, '').includes('${{')) throw new ExpressionError('expected }} after ${{, got none');
    return [...value.matchAll(MARK)].map((match) => parseReference(match[1] ?? ''));
  }
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(references);
}

/** The value with every reference replaced whose scope is given. Throws ExpressionError for a name that is not there. */
export function resolve(value: Json, scope: Scope, deferred: Deferred = new Set()): Json {
  if (typeof value === 'string') return resolveText(value, scope, deferred);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item: Json) => resolve(item, scope, deferred));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolve(item, scope, deferred)]));
}

/** What one reference stands for. Throws ExpressionError; the scope must be given. */
export function lookUp(reference: Reference, scope: Scope): Json {
  let value: Json = scope[reference.scope] ?? {};
  for (const name of reference.path) {
    if (value === null) return null;
    const next: Json | undefined = memberOf(value, name);
    if (next === undefined)
      throw new ExpressionError(`${reference.text}: there is no ${JSON.stringify(name)}${known(value)}`);
    value = next;
  }
  return value;
}

function resolveText(text: string, scope: Scope, deferred: Deferred): Json {
  const stays = (reference: Reference): boolean =>
    scope[reference.scope] === undefined || (reference.scope === 'params' && deferred.has(reference.path[0] ?? ''));
  const whole = WHOLE.exec(text);
  if (whole) {
    const reference = parseReference(whole[1] ?? '');
    return stays(reference) ? text : lookUp(reference, scope);
  }
  return text.replaceAll(MARK, (mark: string, inner: string) => {
    const reference = parseReference(inner);
    if (stays(reference)) return mark;
    const value = lookUp(reference, scope);
    if (value !== null && typeof value === 'object') {
      throw new ExpressionError(
        `${reference.text}: expected a number, text or truth value inside a text, got a list or map`,
      );
    }
    return String(value);
  });
}

function known(value: Json): string {
  if (value === null || typeof value !== 'object') return '';
  const names = Object.keys(value);
  return names.length === 0 ? '; there are none' : `; there are ${names.slice(0, 8).join(', ')}`;
}
