import path from 'node:path';
import { z } from 'zod';
import type { SelectedSupernet } from '../artifacts/references.ts';
import { readManifest } from '../artifacts/results.ts';
import { ScoreName, scoresOf } from '../nas/evaluation/epoch-scores.ts';
import type { GroundTruth } from '../nas/evaluation/ground-truth.ts';
import { BadInput } from '../plan/endings.ts';

/** The subnets of a ground truth that count, and which those are. */
export interface Counted {
  readonly truth: GroundTruth;
  readonly positions: readonly number[];
  /** How many the file has in all. */
  readonly listed: number;
}

interface SupernetScores {
  /** Its folder below the run's. */
  readonly stage: string;
  /** Of its training. */
  readonly seed: number;
  /** Of the subnets that count, by epoch, the last one first: higher is better. */
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
  { positions, listed }: Counted,
  { epochs = 1, score }: { readonly epochs?: number; readonly score?: ScoreName | undefined } = {},
): Promise<SupernetScores> {
  const directory = path.posix.dirname(file);
  const manifest = await readManifest(root, directory);
  const records = (manifest?.epochs ?? []).filter(({ epoch }) => epoch <= chosen).slice(-epochs);
  const last = records.at(-1);
  // Held out or not, every subnet of the file has its score.
  if (last?.epoch !== chosen || last.groundTruth.length !== listed) {
    throw new BadInput(
      `${directory}: expected epoch ${chosen} with ${listed} accuracies in its manifest, got ${last?.groundTruth.length ?? 'none'}; train it on this ground truth`,
    );
  }
  const own = z.object({ seed: z.number(), score: ScoreName.optional() }).parse(manifest?.config);
  const byEpoch = records.toReversed().map((record) => {
    const scores = scoresOf(record, score ?? own.score);
    if (scores !== null) return positions.map((position) => scores[position]!);
    throw new BadInput(
      `${directory}: expected the cross-entropies of epoch ${record.epoch} in its manifest, got none; train it again`,
    );
  });
  return { stage: directory.split('/').slice(1).join('/'), seed: own.seed, byEpoch };
}
