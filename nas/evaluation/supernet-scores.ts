import path from 'node:path';
import { z } from 'zod';
import type { SelectedSupernet } from '../../artifacts/references.ts';
import { readManifest } from '../../artifacts/results.ts';
import { Scoring, scoresOf } from './epoch-scores.ts';
import type { ScoreName } from './epoch-scores.ts';
import type { Counted } from './ground-truth.ts';
import { BadInput } from '../../plan/endings.ts';

interface SupernetScores {
  /** Its folder below the run's. */
  readonly stage: string;
  /** Of its training. */
  readonly seed: number;
  /** What its epochs were ranked by. */
  readonly scoring: Scoring;
  /** Of every subnet of the ground truth, by epoch, the last one first: higher is better. */
  readonly byEpoch: readonly (readonly number[])[];
}

/**
 * The scores that a supernet gave to the subnets of a ground truth, after its chosen epoch and those before.
 * @param epochs how many, fewer where the stage has fewer
 * @param score what to score by; what the stage chose its epoch by unless told
 * @throws BadInput where the stage was trained on another ground truth, or recorded no such score
 */
export async function supernetScores(
  root: string,
  { file, epoch: chosen }: SelectedSupernet,
  { whole }: Pick<Counted, 'whole'>,
  { epochs = 1, score }: { readonly epochs?: number; readonly score?: ScoreName | undefined } = {},
): Promise<SupernetScores> {
  const directory = path.posix.dirname(file);
  const manifest = await readManifest(root, directory);
  const records = (manifest?.epochs ?? []).filter(({ epoch }) => epoch <= chosen).slice(-epochs);
  const last = records.at(-1);
  const listed = whole.subnets.length;
  if (last?.epoch !== chosen || last.groundTruth.length !== listed) {
    throw new BadInput(
      `${directory}: expected epoch ${chosen} with ${listed} accuracies in its manifest, got ${last?.groundTruth.length ?? 'none'}; train it on this ground truth`,
    );
  }
  const { seed, ...scoring } = Scoring.extend({ seed: z.number() }).parse(manifest?.config);
  const byEpoch = records.toReversed().map((record) => {
    const scores = scoresOf(record, score ?? scoring.score);
    if (scores !== null) return scores;
    throw new BadInput(
      `${directory}: expected the cross-entropies of epoch ${record.epoch} in its manifest, got none; train it again`,
    );
  });
  return { stage: directory.split('/').slice(1).join('/'), seed, scoring, byEpoch };
}
