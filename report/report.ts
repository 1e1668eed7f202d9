import { z } from 'zod';
import { Average, averageRow } from './averages.ts';
import { baselineFigures, ceilingOf, predictionOf, supernetFigures } from './figures.ts';
import type { Scored } from './figures.ts';
import { supernetScores } from '../nas/evaluation/supernet-scores.ts';
import type { Report, SupernetRow } from './text.ts';
import { readResult } from '../artifacts/results.ts';
import { ClassCount } from '../configs/dataset-schema.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import { rankedAt } from '../nas/evaluation/epoch-scores.ts';
import { counted, heldOutOf, readGroundTruth } from '../nas/evaluation/ground-truth.ts';
import type { Counted, GroundTruth } from '../nas/evaluation/ground-truth.ts';
import { Ranking } from '../nas/evaluation/ranking.ts';
import { ZeroCostRecord } from '../nas/evaluation/zero-cost/config.ts';
import { BadInput } from '../plan/endings.ts';
import { FileReference, SelectedSupernet } from '../artifacts/references.ts';

/** `with` of `report`. */
export const ReportConfig = z.strictObject({
  space: SpaceConfig,
  n_classes: ClassCount,
  ground_truth: FileReference.meta({
    description: 'The accuracies that tau was measured against; the baselines are measured against them too.',
  }),
  subnets: z
    .enum(['all', 'held_out'])
    .default('all')
    .meta({ description: 'Which of its subnets count; `held_out`: those that no epoch was chosen by.' }),
  supernets: z
    .array(z.union([SelectedSupernet.nullable(), z.array(SelectedSupernet.nullable())]))
    .min(1)
    .meta({
      description:
        '`${{ stages.<id>.selected }}` in the order of the table, lists of them among single ones; null where a stage was skipped.',
    }),
  zero_cost: FileReference.optional().meta({
    description: '`${{ stages.<scores>.scores }}`: measures of untrained networks, as further baselines.',
  }),
  averages: z
    .record(z.string().min(1), Average)
    .optional()
    .meta({ description: 'Rankings by the mean of several supernets or epochs, by the name of their rows.' }),
  ranking: Ranking.nullable()
    .default(null)
    .meta({ description: '`${{ stages.<merge>.ranking }}`; null where nothing is ranked.' }),
});
export type ReportConfig = z.infer<typeof ReportConfig>;

/** What a report says, from the manifests of the stages that trained its supernets. */
export async function reportOf(root: string, config: ReportConfig): Promise<Report> {
  const { space, n_classes: classes, ground_truth: source, ranking } = config;
  const these = countedIn(await readGroundTruth(space, source), config);
  const { truth } = these;
  const ordered = baselineFigures(space, these, classes, await zeroCostOf(root, config, these));
  const supernets = config.supernets.flat().filter((supernet) => supernet !== null);
  return {
    groundTruth: { ...source, subnets: truth.subnets.length, heldOut: config.subnets === 'held_out' },
    ceiling: ceilingOf(truth),
    baselines: ordered.map(({ figures }) => figures),
    supernets: await Promise.all(supernets.map((supernet) => rowOf(root, supernet, these, ordered, config))),
    averages: await Promise.all(
      Object.entries(config.averages ?? {}).map(([name, of]) =>
        averageRow(root, { name, of, space, classes }, these, ordered),
      ),
    ),
    ...(await rankingOf(root, ranking)),
  };
}

function countedIn(truth: GroundTruth, { subnets, ground_truth: { file } }: ReportConfig): Counted {
  const positions = subnets === 'all' ? [...truth.heldOut.keys()] : heldOutOf(truth);
  if (positions.length < 2) {
    throw new BadInput(
      `${file}: expected subnets with held_out: true, got ${positions.length} of ${truth.heldOut.length}; leave with.subnets at all`,
    );
  }
  return counted(truth, positions);
}

/** @throws BadInput where another ground truth was scored */
async function zeroCostOf(
  root: string,
  { zero_cost: source, ground_truth: truth }: ReportConfig,
  { positions }: Counted,
): Promise<Record<string, number[]>> {
  if (source === undefined) return {};
  const { ground_truth: scored, scores } = ZeroCostRecord.parse(JSON.parse(await readResult(root, source)));
  if (scored === truth.sha256) {
    const entries = Object.entries(scores).map(([name, all]) => [name, positions.map((position) => all[position]!)]);
    return Object.fromEntries(entries);
  }
  throw new BadInput(
    `${source.file}: expected scores of the subnets of ${truth.file}, got those of another ground truth; score its subnets`,
  );
}

async function rankingOf(root: string, ranking: Ranking | null): Promise<Pick<Report, 'ranking' | 'prediction'>> {
  if (ranking === null) return { ranking: null, prediction: null };
  const { top1, top5, fitted, subnets, predictor } = ranking;
  return {
    ranking: { top1: top1.file, top5: top5.file, ...(fitted && { fitted: fitted.file }), subnets },
    prediction: predictor === null ? null : predictionOf(await readResult(root, predictor), predictor.file),
  };
}

async function rowOf(
  root: string,
  supernet: SelectedSupernet,
  these: Counted,
  untrained: readonly Scored[],
  { space, n_classes: classes }: ReportConfig,
): Promise<SupernetRow> {
  const { stage, seed, scoring, byEpoch } = await supernetScores(root, supernet, these);
  const scores = rankedAt({ space, classes }, these, byEpoch[0]!, scoring);
  const { file, sha256, groups, epoch } = supernet;
  return { stage, groups, epoch, file, sha256, ...supernetFigures(these.truth, scores, untrained, seed) };
}
