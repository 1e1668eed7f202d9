import { z } from 'zod';
import { FEWEST_TO_FIT, withSizes } from './size-mix.ts';
import type { Values } from './correlation.ts';
import { chosenBy } from './ground-truth.ts';
import type { Counted, GroundTruth } from './ground-truth.ts';
import type { EpochRecord } from '../../artifacts/manifest.ts';
import { BadInput } from '../../plan/endings.ts';
import type { Space } from '../space/space.ts';

/** What subnets are ranked by: the share of images that is right, or the mean log-likelihood of their labels. */
export const ScoreName = z.enum(['top1', 'cross_entropy']);
export type ScoreName = z.infer<typeof ScoreName>;

/** The keys of a training that say what its subnets are ranked by. */
export const Scoring = z.object({ score: ScoreName.optional(), sizes: z.boolean().optional() });
export type Scoring = z.infer<typeof Scoring>;

type Scores = Pick<EpochRecord, 'groundTruth' | 'groundTruthLosses'>;

/**
 * The scores that an epoch gave to the subnets of its ground truth, higher is better.
 * @returns null for cross-entropies of an epoch that were not recorded
 */
export function scoresOf(
  { groundTruth, groundTruthLosses }: Scores,
  score: ScoreName = 'top1',
): readonly number[] | null {
  if (score === 'top1') return groundTruth;
  return groundTruthLosses?.map((loss) => -loss) ?? null;
}

/** What the subnets of a ground truth, all of them, are ranked by: scores of an epoch, mixed with sizes where that is wanted. */
export function rankedBy(
  { space, classes, truth }: { readonly space: Space; readonly classes: number; readonly truth: GroundTruth },
  scores: Values,
  { sizes = false }: Scoring,
): Values {
  return sizes ? withSizes({ space, classes, truth }, scores) : scores;
}

/** The same of some subnets alone. */
export function rankedAt(
  { space, classes }: { readonly space: Space; readonly classes: number },
  { whole, positions }: Counted,
  scores: Values,
  scoring: Scoring,
): number[] {
  const ranked = rankedBy({ space, classes, truth: whole }, scores, scoring);
  return positions.map((position) => ranked[position]!);
}

/** What is wrong with a training's ground truth where sizes are to be mixed in; a list that only the run makes is not known yet. */
export function wrongSizes({ sizes = false }: Scoring, listed: readonly unknown[] | undefined) {
  if (!sizes || listed === undefined || listed.length >= FEWEST_TO_FIT) return [];
  const message = `expected a ground truth of at least ${FEWEST_TO_FIT} subnets to fit them on, got ${listed.length}; train more of them alone, or leave sizes out`;
  return [{ key: 'sizes', message }];
}

/** @throws BadInput where sizes are to be mixed in, and there are too few subnets to fit weights on */
export function assertFits(where: string, truth: GroundTruth, { sizes = false }: Scoring): void {
  const others = chosenBy(truth).length;
  if (!sizes || others >= FEWEST_TO_FIT) return;
  throw new BadInput(
    `${where}: sizes: expected at least ${FEWEST_TO_FIT} subnets that are not held out, got ${others}; train more of them alone, or leave sizes out`,
  );
}
