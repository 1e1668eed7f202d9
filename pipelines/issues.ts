import { z } from 'zod';
import { nearest, problem, shown } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import type { Located } from './yaml.ts';
import { isObject, valueAt } from '../plan/json.ts';
import { references } from '../plan/references.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/** What zod found wrong, in our words: `expected X, got Y; remedy`, at the place where it was written. */

type Issue = z.core.$ZodIssue;

/** What was checked. */
interface Checked {
  /** Where its values were written, and as what: references included. */
  readonly written: Located;
  /** What the schema saw. */
  readonly value: Json;
  readonly schema: z.ZodType;
  /** What comes before the paths in messages: `stages`, `one-shot`, `with`. */
  readonly prefix: Path;
  /** Where a param was given that the file does not decide; undefined for the others. */
  readonly given: (param: string) => Place | undefined;
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'an integer',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'a map',
  record: 'a map',
  null: 'null',
};

/** Problems for issues, those below one reference only once. */
export function issueProblems(issues: readonly Issue[], checked: Checked): Problem[] {
  const found = issues.flatMap((issue) => flat(issue, [])).flatMap((issue) => explained(issue, checked));
  const seen = new Set<string>();
  return found.filter(({ at, message, source }) => {
    const key = JSON.stringify([source, at, message]);
    return seen.has(key) ? false : seen.add(key);
  });
}

function explained(issue: Issue, checked: Checked): Problem[] {
  const path = issue.path.map((name) => (typeof name === 'symbol' ? String(name) : name));
  const { written, prefix } = checked;
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(checked.schema, path);
    return issue.keys.map((key) => {
      const message = `expected a known name, got ${JSON.stringify(key)}${nearest(key, known)}`;
      return problem(written.keyPlace([...path, key]), [...prefix, ...path, key], message);
    });
  }
  const value = valueAt(checked.value, path);
  const expected = expectation(issue);
  const [reference] = referencesAbove(written.value, path);
  if (reference === undefined) {
    const isQuotable = expected === 'expected a text' && (typeof value === 'number' || typeof value === 'boolean');
    const remedy = value === undefined ? 'add it' : isQuotable ? 'quote it' : 'correct it';
    const at = issue.code === 'invalid_key' || value === undefined ? written.keyPlace(path) : written.place(path);
    return [problem(at, [...prefix, ...path], completed(expected, shown(value), remedy))];
  }
  const { length, text, remedy } = reference;
  const place = originOf(written, path, checked.given);
  const inside = path.slice(length);
  const where = inside.length === 0 ? '' : ` at ${inside.join('.')}`;
  const message = completed(`${expected}${where}`, `${shown(value)} from \${{ ${text} }}`, remedy);
  return [problem(place, [...prefix, ...path.slice(0, length)], message)];
}

/** Where a value comes from: the flag or the parent that gave its param, else where it is written. */
export function originOf(written: Located, path: Path, given: Checked['given']): Place {
  const [reference] = referencesAbove(written.value, path);
  const param = reference?.param ?? null;
  return (param === null ? undefined : given(param)) ?? written.place(path.slice(0, reference?.length));
}

/** A union's issue as those of the branches that got furthest, or as all the types that it would take. */
function flat(issue: Issue, above: Path): Issue[] {
  const path = [...above, ...issue.path];
  if (issue.code !== 'invalid_union' || issue.message.startsWith('expected')) return [{ ...issue, path }];
  const branches = issue.errors.map((errors) => errors.flatMap((inner) => flat(inner, [])));
  const [furthest = []] = [isInside, isOfType]
    .map((got) => branches.filter((branch) => branch.length > 0 && branch.every(got)))
    .filter(({ length }) => length > 0);
  if (furthest.length > 0) return nearestOf(furthest).map((inner) => ({ ...inner, path: [...path, ...inner.path] }));
  const types = [...new Set(branches.flat().map(expectation))].map((text) => text.replace(/^expected /, ''));
  const known = types.length > 0 ? alternatives(types) : `a known ${issue.discriminator ?? 'form'}`;
  return [{ code: 'invalid_type', expected: 'unknown', path, message: `expected ${known}`, input: undefined }];
}

const isInside = ({ code, path }: Issue): boolean => path.length > 0 || code === 'unrecognized_keys';
const isOfType = ({ code, path }: Issue): boolean => path.length > 0 || code !== 'invalid_type';

/** The branch with the least that is wrong; of several what all of them say, so that none is meant where none was chosen. */
function nearestOf(branches: readonly (readonly Issue[])[]): readonly Issue[] {
  const least = Math.min(...branches.map(({ length }) => length));
  const [first = [], ...others] = branches.filter(({ length }) => length === least);
  const common = first.filter((one) => others.every((other) => other.some((issue) => isSame(issue, one))));
  return common.length > 0 ? common : first;
}

const isSame = (one: Issue, other: Issue): boolean =>
  one.code === other.code && one.message === other.message && one.path.join('.') === other.path.join('.');

function expectation(issue: Issue): string {
  if (issue.message.startsWith('expected')) return issue.message;
  if (issue.code === 'invalid_type') return `expected ${WORDS[issue.expected] ?? issue.expected}`;
  if (issue.code === 'invalid_value') return `expected ${alternatives(issue.values.map(String))}`;
  if (issue.code === 'too_small')
    return `expected ${bound(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum)}`;
  if (issue.code === 'too_big')
    return `expected ${bound(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}`;
  if (issue.code === 'not_multiple_of') return `expected a multiple of ${issue.divisor}`;
  if (issue.code === 'invalid_key' && issue.issues[0]) return expectation(issue.issues[0]);
  return `expected a value that passes: ${issue.message}`;
}

/** `a, b or c`. */
function alternatives(words: readonly string[]): string {
  return words.join(', ').replace(/, ([^,]*)$/, ' or $1');
}

function bound(origin: string, relation: string, limit: number | bigint): string {
  if (origin === 'string') return `${relation} ${limit} characters`;
  if (origin === 'array') return `a list of ${relation} ${limit}`;
  return `${relation} ${limit}`;
}

/** Adds what a message does not say itself. */
function completed(expected: string, got: string, remedy: string): string {
  if (/; /.test(expected)) return expected.includes(', got ') ? expected : expected.replace('; ', `, got ${got}; `);
  return `${expected}${expected.includes(', got ') ? '' : `, got ${got}`}; ${remedy}`;
}

/** The reference that a value came from, if a text at the path or above it was one. */
function referencesAbove(
  value: Json,
  path: Path,
): { length: number; text: string; param: string | null; remedy: string }[] {
  for (let length = path.length; length > 0; length--) {
    const text = valueAt(value, path.slice(0, length));
    if (typeof text !== 'string') continue;
    return references(text).map(({ scope, path: names, text: name }) => {
      const [first = ''] = names;
      const remedy =
        scope === 'stages'
          ? 'refer to another output'
          : `correct ${scope === 'params' ? `the param ${first}` : 'the matrix'}`;
      return { length, text: name, param: scope === 'params' ? first : null, remedy };
    });
  }
  return [];
}

/** The names that a schema knows at a path. */
function keysAt(schema: unknown, path: Path): string[] {
  const objects = schemasAt(schema, path).filter((one) => one instanceof z.ZodObject);
  return [...new Set(objects.flatMap((one) => Object.keys(one.shape)))];
}

/** Every schema that a value at a path is checked by, through whatever wraps them: the wrappers and what is inside. */
export function schemasAt(schema: unknown, path: Path): unknown[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault) {
    return schemasAt(schema.unwrap(), path);
  }
  const own = path.length === 0 ? [schema] : [];
  if (schema instanceof z.ZodPipe) return [...own, ...schemasAt(schema.in, path)];
  if (schema instanceof z.ZodUnion)
    return [...own, ...schema.options.flatMap((option: unknown) => schemasAt(option, path))];
  const [first, ...rest] = path;
  if (first === undefined) return own;
  if (schema instanceof z.ZodObject) {
    return schemasAt(new Map<string, unknown>(Object.entries(schema.shape)).get(String(first)), rest);
  }
  if (schema instanceof z.ZodArray) return schemasAt(schema.element, rest);
  if (schema instanceof z.ZodRecord) return schemasAt(schema.valueType, rest);
  return [];
}

export interface Shaped<T> {
  readonly value: T;
  /** Top keys that were left out because they are wrong. */
  readonly wrong: ReadonlySet<string>;
}

/**
 * Checks a map against its schema. What is wrong is reported and left out (of a map of maps only the wrong entries), so that
 * the rest can be checked too; null where that leaves nothing to go on with. `needed` stands in for keys left out.
 */
export function shaped<Schema extends z.ZodType>(
  schema: Schema,
  value: JsonObject,
  where: Omit<Checked, 'schema' | 'value'>,
  report: (...problems: readonly Problem[]) => void,
  needed: JsonObject = {},
): Shaped<z.output<Schema>> | null {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { value: parsed.data, wrong: new Set() };
  report(...issueProblems(parsed.error.issues, { ...where, value, schema }));
  const wrong = new Set<string>();
  const rest: Record<string, Json> = { ...value };
  for (const issue of parsed.error.issues) {
    for (const path of issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => [...issue.path, key])
      : [issue.path]) {
      const [key = '', inner] = path.map(String);
      wrong.add(key);
      const map = rest[key];
      if (inner !== undefined && isObject(map))
        rest[key] = Object.fromEntries(Object.entries(map).filter(([name]) => name !== inner));
      else delete rest[key];
    }
  }
  const again = [rest, { ...needed, ...rest }, needed]
    .map((one) => schema.safeParse(one))
    .find(({ success }) => success);
  return again?.data === undefined ? null : { value: again.data, wrong };
}
