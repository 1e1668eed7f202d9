// What a file in configs/spaces/ may say. Pure zod; its values are the `Space` of nas/space.
import { z } from 'zod';
import type { Space } from '../nas/space/space.ts';

const positive = z.int().positive();
const stride = z.union([z.literal(1), z.literal(2)]);
/** A depth or a channel code is one digit of the arch code. */
const digit = z.int().min(1).max(9);

export const SpaceConfig: z.ZodType<Space> = z.strictObject({
  name: z.string().min(1),
  channels: positive,
  resolutions: z
    .array(positive)
    .min(1)
    .refine((sizes) => sizes.every((size, index) => index === 0 || size > sizes[index - 1]!), {
      error: 'expected resolutions in ascending order; sort them',
    }),
  stem: z.strictObject({
    kernel: positive.refine((kernel) => kernel % 2 === 1, { error: 'expected an odd kernel' }),
    stride,
    pool: z.boolean(),
    base: positive,
  }),
  stages: z
    .array(
      z.strictObject({
        base: positive,
        stride,
        depth: z.tuple([digit, digit]).refine(([low, high]) => low <= high, {
          error: ({ input }) => `expected [min, max], got ${JSON.stringify(input)}; swap them`,
        }),
      }),
    )
    .min(1),
  ratios: z
    .array(z.number().positive())
    .min(1)
    .max(9)
    .refine((ratios) => ratios.every((ratio, index) => index === 0 || ratio < ratios[index - 1]!), {
      error: 'expected ratios in descending order (code 1 is the widest); sort them',
    }),
  divisor: positive,
});
