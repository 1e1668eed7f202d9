import { z } from 'zod';
import type { Json } from '../plan/json.ts';

/** JSON data, as schema. */
export const JsonValue: z.ZodType<Json> = z.json();
export const JsonMap = z.record(z.string(), JsonValue);
