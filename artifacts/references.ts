import { z } from 'zod';

/** Files by what they hold, as stages hand them on to each other. */

export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits');

/** `file` is relative to the results root; to the project's where a pipeline names it. */
export const FileReference = z.strictObject({
  file: z
    .string()
    .min(1)
    .meta({ description: "Its path, relative to the results root; to the project's where a pipeline names it." }),
  sha256: sha256.meta({ description: 'Its hash.' }),
});
export type FileReference = z.infer<typeof FileReference>;

/** `train-supernet` → `selected`: the supernet of the epoch that was chosen. */
export const SelectedSupernet = FileReference.extend({
  epoch: z.int().nonnegative().meta({ description: 'Which epoch it is of, counted from 0.', unit: 'epoch' }),
  tau: z
    .number()
    .nullable()
    .meta({ description: 'Of that epoch; null where all subnets of the ground truth tie.', unit: 'tau' }),
  groups: z.int().positive().meta({ description: 'K; 1: one-shot.', unit: 'groups' }),
});
export type SelectedSupernet = z.infer<typeof SelectedSupernet>;
