import type { z } from 'zod';
import { issueProblems } from './issues.ts';
import type { Checked } from './issues.ts';
import { isObject } from './json.ts';
import type { Json, JsonObject } from './plan.ts';
import type { Problem } from './problems.ts';

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
