import path from 'node:path';
import { z } from 'zod';
import { baselineFigures, ceilingOf, predictionOf, supernetFigures } from './figures.ts';
import type { Scored } from './figures.ts';
import type { Report, SupernetRow } from './text.ts';
import { readManifest } from '../artifacts/results.ts';
import { readResult } from '../artifacts/results.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import { scoresOf } from '../nas/evaluation/epoch-scores.ts';
import { readGroundTruth, truthAt } from '../nas/evaluation/ground-truth.ts';
import type { GroundTruth } from '../nas/evaluation/ground-truth.ts';
import { Ranking } from '../nas/evaluation/ranking.ts';
import { BadInput } from '../plan/endings.ts';
import { FileReference, SelectedSupernet } from '../artifacts/references.ts';

/** `with` of `report`. */
export const ReportConfig = z.strictObject({
  space: SpaceConfig,
  n_classes: z.int().positive(),
  /** The accuracies that tau was measured against; the baselines are measured against them too. */
  ground_truth: FileReference,
  /** Which of its subnets count: `held_out` are those that no epoch was chosen by. */
  subnets: z.enum(['all', 'held_out']).default('all'),
  /** In the order of the table; null where a stage was skipped. */
  supernets: z.array(SelectedSupernet.nullable()).min(1),
  /** Null where nothing is ranked. */
  ranking: Ranking.nullable().default(null),
});
export type ReportConfig = z.infer<typeof ReportConfig>;

/** What a report says, from the manifests of the stages that trained its supernets. */
export async function reportOf(root: string, config: ReportConfig): Promise<Report> {
  const { space, n_classes: classes, ground_truth: source, ranking } = config;
  const these = counted(await readGroundTruth(space, source), config);
  const { truth } = these;
  const ordered = baselineFigures(space, truth, classes);
  const supernets = config.supernets.filter((supernet) => supernet !== null);
  return {
    groundTruth: { ...source, subnets: truth.subnets.length, heldOut: config.subnets === 'held_out' },
    ceiling: ceilingOf(truth),
    baselines: ordered.map(({ figures }) => figures),
    supernets: await Promise.all(supernets.map((supernet) => rowOf(root, supernet, these, ordered))),
    ...(await rankingOf(root, ranking)),
  };
}

/** The subnets of a ground truth that count, and which those are. */
interface Counted {
  readonly truth: GroundTruth;
  readonly positions: readonly number[];
  /** How many the file has in all. */
  readonly listed: number;
}

function counted(truth: GroundTruth, { subnets, ground_truth: { file } }: ReportConfig): Counted {
  const positions = [...truth.heldOut.keys()].filter((at) => subnets === 'all' || truth.heldOut[at]);
  if (positions.length < 2) {
    throw new BadInput(
      `${file}: expected subnets with held_out: true, got ${positions.length} of ${truth.heldOut.length}; leave with.subnets at all`,
    );
  }
  return { truth: truthAt(truth, positions), positions, listed: truth.subnets.length };
}

async function rankingOf(root: string, ranking: Ranking | null): Promise<Pick<Report, 'ranking' | 'prediction'>> {
  if (ranking === null) return { ranking: null, prediction: null };
  const { top1, top5, subnets, predictor } = ranking;
  return {
    ranking: { top1: top1.file, top5: top5.file, subnets },
    prediction: predictor === null ? null : predictionOf(await readResult(root, predictor), predictor.file),
  };
}

async function rowOf(
  root: string,
  { file, sha256, groups, epoch: chosen }: SelectedSupernet,
  { truth, positions, listed }: Counted,
  untrained: readonly Scored[],
): Promise<SupernetRow> {
  const directory = path.posix.dirname(file);
  const manifest = await readManifest(root, directory);
  const epoch = manifest?.epochs.find((record) => record.epoch === chosen);
  // Held out or not, every subnet of the file has its score.
  if (epoch === undefined || epoch.groundTruth.length !== listed) {
    throw new BadInput(
      `${directory}: expected epoch ${chosen} with ${listed} accuracies in its manifest, got ${epoch?.groundTruth.length ?? 'none'}; train it on this ground truth`,
    );
  }
  const { seed, score } = z
    .object({ seed: z.number(), score: z.enum(['top1', 'cross_entropy']).optional() })
    .parse(manifest?.config);
  const scores = scoresOf(epoch, score)!;
  const stage = directory.split('/').slice(1).join('/');
  return {
    stage,
    groups,
    epoch: chosen,
    file,
    sha256,
    ...supernetFigures(
      truth,
      positions.map((position) => scores[position]!),
      untrained,
      seed,
    ),
  };
}
