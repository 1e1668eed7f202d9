import { z } from 'zod';
import type { Json } from '../pipelines/plan.ts';

/** JSON data, as schema. */
export const JsonValue: z.ZodType<Json> = z.json();
export const JsonMap = z.record(z.string(), JsonValue);
