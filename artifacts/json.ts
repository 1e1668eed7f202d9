import { z } from 'zod';
import type { Json } from '../plan/json.ts';

/** zod leaves a key `__proto__` out without a word: here it is refused. */
const withoutProto = z.unknown().superRefine(refuseProto);

/** JSON data, as schema. */
export const JsonValue: z.ZodType<Json> = withoutProto.pipe(z.json());
export const JsonMap: z.ZodType<{ [key: string]: Json }> = withoutProto.pipe(z.record(z.string(), z.json()));

function refuseProto(value: unknown, context: z.RefinementCtx): void {
  const visit = (inner: unknown, path: readonly string[]): void => {
    if (typeof inner !== 'object' || inner === null) return;
    for (const [key, item] of Object.entries(inner)) {
      const at = [...path, key];
      if (key === '__proto__')
        context.addIssue({ code: 'custom', path: at, message: 'expected another name as key, got "__proto__"' });
      else visit(item, at);
    }
  };
  visit(value, []);
}
