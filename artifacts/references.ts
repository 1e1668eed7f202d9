import { z } from 'zod';

/** Files by what they hold, as stages hand them on to each other. */

export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits');

/** `file` is relative to the results root; to the project's where a pipeline names it. */
export const FileReference = z.strictObject({ file: z.string().min(1), sha256 });
export type FileReference = z.infer<typeof FileReference>;

/** `train-supernet` → `selected`: the supernet of the epoch that was chosen. */
export const SelectedSupernet = FileReference.extend({
  epoch: z.int().nonnegative(),
  /** Null where all ground-truth subnets tie. */
  tau: z.number().nullable(),
  /** K: 1 = one-shot. */
  groups: z.int().positive(),
});
export type SelectedSupernet = z.infer<typeof SelectedSupernet>;
