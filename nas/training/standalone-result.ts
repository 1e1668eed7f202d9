import { z } from 'zod';

/** `result.json` of `train-standalone`: how one subnet does alone, in percent. Pure zod: read by whoever makes the ground truth. */
export const StandaloneResult = z.strictObject({
  version: z.literal(1),
  arch: z.string(),
  /** Images each accuracy was measured on. */
  images: z.int().positive(),
  runs: z.array(z.strictObject({ seed: z.int(), top1: z.number(), top5: z.number() })).min(1),
  /** Of top-1 over the runs. */
  mean: z.number(),
  /** Of that mean; null for a single run. */
  standardError: z.number().nonnegative().nullable(),
});
export type StandaloneResult = z.infer<typeof StandaloneResult>;
