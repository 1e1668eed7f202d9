import { z } from 'zod';
import { schemasAt } from './issues.ts';
import { problem } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import type { Located } from './yaml.ts';
import { valueAt } from '../plan/json.ts';
import type { Json } from '../plan/json.ts';
import { ExpressionError, isReference, references } from '../plan/references.ts';
import type { Reference } from '../plan/references.ts';

/**
 * Words for programs, folders and names. YAML reads 3.10 as the number 3.1, 007 as 7 and True as true, and where a text is
 * wanted that is not what was written. So there such a value has to be in quotes.
 */

/** A word for a program or a folder: a number or truth value becomes its text. */
export const Word = z.union([z.string(), z.number(), z.boolean()]).transform(String);

/** A value that also names something, such as the folder of a cell: a number stays a number. */
export const Label = z.union([z.number(), z.string(), z.boolean()]);

/** A param, or what is in it. */
export interface ParamValue {
  readonly value: Json;
  /** Where the value at a path in it stands. */
  readonly place: (path: Path) => Place;
  /** How it is written, if it is not in quotes. */
  readonly written: (path: Path) => string | undefined;
}

/** What a reference to a param stands for; null where that is not known. */
type ParamOf = (reference: Reference) => ParamValue | null;

/** Every value that is wanted as a text, and would not arrive as it was written. `prefix` comes before its path in messages. */
export function changedWords(found: Located, schema: z.ZodType, paramOf: ParamOf, prefix: Path): Problem[] {
  /** The values below `path`, which stand in the file itself, or came `from` a param. */
  const visit = (value: Json, path: Path, inside: Path, from?: { param: ParamValue; name: string }): Problem[] => {
    if (typeof value === 'object' && value !== null) {
      return Object.entries(value).flatMap(([name, inner]) => visit(inner, [...path, name], [...inside, name], from));
    }
    const isWord = schemasAt(schema, path).some((one) => one === Word || one === Label);
    if (typeof value !== 'string') {
      const written = from ? from.param.written(inside) : found.written(path);
      const place = from ? from.param.place(inside) : found.place(path);
      return isWord ? changed(value, written, place, [...prefix, ...path], from?.name) : [];
    }
    // Params refer to nothing: where one seems to, that is told elsewhere.
    if (from) return [];
    return paramsIn(value).flatMap((reference) => {
      const param = paramOf(reference);
      if (param === null) return [];
      if (isReference(value)) return visit(param.value, path, [], { param, name: reference.text });
      return changed(param.value, param.written([]), param.place([]), [...prefix, ...path], reference.text);
    });
  };
  return visit(found.value, [], []);
}

/** How the value at a path is written that is not in quotes, be it in a param that stands there. */
export function writtenAt(found: Located, path: Path, paramOf: ParamOf): string | undefined {
  for (let length = path.length; length > 0; length--) {
    const text = valueAt(found.value, path.slice(0, length));
    if (typeof text !== 'string' || !isReference(text)) continue;
    const [reference] = paramsIn(text);
    return reference && paramOf(reference)?.written(path.slice(length));
  }
  return found.written(path);
}

function changed(value: Json, written: string | undefined, place: Place, at: Path, param?: string): Problem[] {
  const read = JSON.stringify(value);
  if (written === undefined || typeof value === 'string' || read === written) return [];
  const got = `${written === '' ? 'nothing' : written}${param === undefined ? '' : ` from \${{ ${param} }}`}`;
  const quoted = place.line === undefined ? `quote it for YAML too: '"${written}"'` : 'quote it';
  const message = `expected a text in quotes, got ${got}, which YAML reads as ${read}; ${quoted}, or write ${read}`;
  return [problem(place, at, message)];
}

function paramsIn(text: string): Reference[] {
  try {
    return references(text).filter(({ scope }) => scope === 'params');
  } catch (error) {
    // Told where references are checked.
    if (error instanceof ExpressionError) return [];
    throw error;
  }
}
