import { z } from 'zod';
import type { CataloguedStage } from '../artifacts/catalogue.ts';
import type { EpochRecord } from '../artifacts/manifest.ts';
import { FileReference } from '../artifacts/references.ts';
import { ClassCount } from '../configs/dataset-schema.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import { BadInput } from '../plan/endings.ts';
import { assertFits, rankedAt, Scoring, scoresOf } from '../nas/evaluation/epoch-scores.ts';
import { chosenBy, counted, readGroundTruth } from '../nas/evaluation/ground-truth.ts';
import type { Counted, GroundTruth } from '../nas/evaluation/ground-truth.ts';

// Supernets as they were chosen, for whoever holds one against another.

/** The supernet that a stage hands on. */
export interface ChosenSupernet {
  readonly epoch: number;
  /** Null where all subnets tie, as is its interval. */
  readonly tau: number | null;
  readonly interval: readonly [number, number] | null;
  /** What its epoch made of each subnet of the ground truth. */
  readonly record: Pick<EpochRecord, 'groundTruth' | 'groundTruthLosses'>;
  readonly trained: z.infer<typeof Trained>;
}

const Trained = Scoring.extend({
  space: SpaceConfig,
  n_classes: ClassCount,
  ground_truth: FileReference,
  seed: z.number(),
});

/** Null where the stage trains none, or no epoch of it was chosen yet. */
export function chosenIn(stage: CataloguedStage | undefined): ChosenSupernet | null {
  const { selection, epochs = [], config } = stage?.manifest ?? {};
  const record = epochs.find(({ epoch }) => epoch === selection?.epoch);
  const trained = Trained.safeParse(config);
  if (record === undefined || !trained.success) return null;
  if (scoresOf(record, trained.data.score) === null) return null;
  const { epoch, tau, interval } = record;
  return { epoch, tau, interval, record, trained: trained.data };
}

/** Ground truths as they are asked for, each read once however many supernets were measured by it. */
export class GroundTruths {
  readonly #read = new Map<string, Promise<GroundTruth>>();

  /** The one that a supernet was measured by. @throws BadInput where its file is no longer what it was */
  async of({ trained: { space, ground_truth: source } }: ChosenSupernet): Promise<GroundTruth> {
    const key = JSON.stringify([source.sha256, space]);
    const found = this.#read.get(key) ?? readGroundTruth(space, source);
    this.#read.set(key, found);
    return await found;
  }
}

/** The subnets that several supernets were measured by, and what each makes of them. */
interface SameSubnets extends Counted {
  /** Higher is better. */
  readonly scores: readonly (readonly number[])[];
}

/**
 * What the taus of all of them stand on: the subnets that epochs may be chosen by, or others of them. Null where they were not
 * measured against the same file.
 * @param scoring what all are ranked by, where it is not what each stage says
 * @throws BadInput where that file is no longer what it was
 */
export async function sameSubnets(
  supernets: readonly ChosenSupernet[],
  truths: GroundTruths,
  positionsOf: (truth: GroundTruth) => readonly number[] = chosenBy,
  scoring: Scoring | null = null,
): Promise<SameSubnets | null> {
  const [first] = supernets;
  if (first === undefined) return null;
  const { sha256 } = first.trained.ground_truth;
  if (supernets.some(({ trained }) => trained.ground_truth.sha256 !== sha256)) return null;
  const whole = await truths.of(first);
  if (supernets.some(({ record }) => record.groundTruth.length !== whole.accuracies.length)) return null;
  const these = counted(whole, positionsOf(whole));
  return { ...these, scores: supernets.map((supernet) => scoresAt(these, supernet, scoring ?? supernet.trained)) };
}

/** @throws BadInput where there are no such scores */
function scoresAt(these: Counted, { record, trained }: ChosenSupernet, scoring: Scoring): number[] {
  const { space, n_classes: classes, ground_truth: source } = trained;
  const scores = scoresOf(record, scoring.score);
  if (scores === null) {
    throw new BadInput(`--score: expected epochs that recorded their cross-entropies, got one without; train it again`);
  }
  assertFits(source.file, these.whole, scoring);
  return rankedAt({ space, classes }, these, scores, scoring);
}
