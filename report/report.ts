import path from 'node:path';
import { z } from 'zod';
import { baselineFigures, ceilingOf, predictionOf, supernetFigures } from './figures.ts';
import { reportText } from './text.ts';
import type { Report, SupernetRow } from './text.ts';
import { readManifest } from '../artifacts/results.ts';
import { fileNames } from '../artifacts/paths.ts';
import { readResult } from '../artifacts/results.ts';
import type { StageFiles } from '../artifacts/store.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import { readGroundTruth } from '../nas/evaluation/ground-truth.ts';
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
  /** In the order of the table; null where a stage was skipped. */
  supernets: z.array(SelectedSupernet.nullable()).min(1),
  /** Null where nothing is ranked. */
  ranking: Ranking.nullable().default(null),
});
export type ReportConfig = z.infer<typeof ReportConfig>;

/** `report`: writes `report.md` and `report.json`, each chosen epoch with its tau, beside the baselines and what noise allows. */
export async function report(stage: StageFiles, config: ReportConfig): Promise<{ report: FileReference }> {
  const made = await reportOf(stage.root, config);
  const files = await stage.put({
    [fileNames.reportText]: `${reportText(made)}\n`,
    [fileNames.reportData]: `${JSON.stringify(made, null, 1)}\n`,
  });
  return { report: files[fileNames.reportText]! };
}

async function reportOf(root: string, config: ReportConfig): Promise<Report> {
  const { space, n_classes: classes, ground_truth: source, ranking } = config;
  const truth = await readGroundTruth(space, source);
  const ordered = baselineFigures(space, truth, classes);
  const supernets = config.supernets.filter((supernet) => supernet !== null);
  return {
    groundTruth: { ...source, subnets: truth.subnets.length },
    ceiling: ceilingOf(truth),
    baselines: ordered.map(({ figures }) => figures),
    supernets: await Promise.all(supernets.map((supernet) => rowOf(root, supernet, truth, ordered[0]!.scores))),
    ...(await rankingOf(root, ranking)),
  };
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
  truth: GroundTruth,
  best: Float64Array,
): Promise<SupernetRow> {
  const directory = path.posix.dirname(file);
  const manifest = await readManifest(root, directory);
  const epoch = manifest?.epochs.find((record) => record.epoch === chosen);
  if (epoch === undefined || epoch.groundTruth.length !== truth.subnets.length) {
    throw new BadInput(
      `${directory}: expected epoch ${chosen} with ${truth.subnets.length} accuracies in its manifest, got ${epoch?.groundTruth.length ?? 'none'}; train it on this ground truth`,
    );
  }
  const { seed } = z.object({ seed: z.number() }).parse(manifest?.config);
  const stage = directory.split('/').slice(1).join('/');
  return {
    stage,
    groups,
    epoch: chosen,
    file,
    sha256,
    ...supernetFigures(truth.accuracies, epoch.groundTruth, best, seed),
  };
}
