import type { z } from 'zod';
import { issueProblems } from './issues.ts';
import type { Checked } from './issues.ts';
import type { JsonObject } from './plan.ts';
import type { Problem } from './problems.ts';

/**
 * Checks a map against its schema. Keys that are wrong are reported and left out, so that the rest can be checked too;
 * null where that leaves nothing to go on with.
 */
export function shaped<Schema extends z.ZodType>(
  schema: Schema,
  value: JsonObject,
  where: Omit<Checked, 'schema' | 'value'>,
  report: (...problems: readonly Problem[]) => void,
): z.output<Schema> | null {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  report(...issueProblems(parsed.error.issues, { ...where, value, schema }));
  const wrong = parsed.error.issues.flatMap((issue) => {
    return issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : [String(issue.path[0])];
  });
  const rest = Object.fromEntries(Object.entries(value).filter(([key]) => !wrong.includes(key)));
  return schema.safeParse(rest).data ?? null;
}
