import { z } from 'zod';
import type { EpochRecord } from '../../artifacts/manifest.ts';

/** What subnets are ranked by: the share of images that is right, or the mean log-likelihood of their labels. */
export const ScoreName = z.enum(['top1', 'cross_entropy']);
export type ScoreName = z.infer<typeof ScoreName>;

/**
 * The scores that an epoch gave to the subnets of its ground truth, higher is better.
 * @returns null for cross-entropies of an epoch that were not recorded
 */
export function scoresOf(
  { groundTruth, groundTruthLosses }: Pick<EpochRecord, 'groundTruth' | 'groundTruthLosses'>,
  score: ScoreName = 'top1',
): readonly number[] | null {
  if (score === 'top1') return groundTruth;
  return groundTruthLosses?.map((loss) => -loss) ?? null;
}
