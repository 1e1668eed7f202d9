import { BadInput } from '../plan/endings.ts';
import path from 'node:path';
import { z } from 'zod';
import { readManifest } from '../artifacts/manifest.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { fileNames } from '../artifacts/paths.ts';
import type { StageFiles } from '../artifacts/stage-files.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import { RankingReference } from '../nas/evaluation/merge.ts';
import { projectFile } from '../nas/process/stage-io.ts';
import { parseSubnetList } from '../nas/space/subnet-list.ts';
import type { FileReference, SelectedSupernet } from '../plan/results.ts';
import { baselineFigures, ceilingOf, predictionOf, supernetFigures } from './figures.ts';
import type { Truth } from './figures.ts';
import { reportText } from './text.ts';
import type { Report, SupernetRow } from './text.ts';

/** What `${{ stages.<training>.selected }}` gives. */
const SelectedSupernetReference: z.ZodType<SelectedSupernet> = z.strictObject({
  file: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits'),
  epoch: z.int().nonnegative(),
  tau: z.number().nullable(),
  groups: z.int().positive(),
});

/** `with` of `report`. */
export const ReportConfig = z.strictObject({
  space: SpaceConfig,
  n_classes: z.int().positive(),
  /** The accuracies that tau was measured against; the baselines are measured against them too. */
  ground_truth: z.strictObject({ file: z.string().min(1), sha256: z.string().length(64) }),
  /** In the order of the table; null where a stage was skipped. */
  supernets: z.array(SelectedSupernetReference.nullable()).min(1),
  /** Null where nothing is ranked. */
  ranking: RankingReference.nullable().default(null),
});
type ReportConfig = z.infer<typeof ReportConfig>;

/** `report`: writes `report.md` and `report.json`, each chosen epoch with its tau, beside the baselines and what noise allows. */
export async function report(files: StageFiles, config: ReportConfig): Promise<{ report: FileReference }> {
  const made = await makeReport(files.root, config);
  const { [fileNames.reportText]: text } = await files.put({
    [fileNames.reportData]: `${JSON.stringify(made, null, 1)}\n`,
    [fileNames.reportText]: `${reportText(made)}\n`,
  });
  return { report: text };
}

async function makeReport(root: string, config: ReportConfig): Promise<Report> {
  const { space, n_classes: classes, ground_truth: source, ranking } = config;
  const truth = await readTruth(config);
  const ordered = baselineFigures(space, truth, classes);
  const best = ordered[0]?.scores ?? new Float64Array();
  const there = config.supernets.filter((supernet) => supernet !== null);
  return {
    groundTruth: { ...source, subnets: truth.subnets.length },
    ceiling: ceilingOf(truth),
    baselines: ordered.map(({ figures }) => figures),
    supernets: await Promise.all(there.map((supernet) => rowOf(root, supernet, truth, best))),
    ranking,
    prediction: ranking === null ? null : await predictionOf(root, ranking),
  };
}

async function rowOf(root: string, supernet: SelectedSupernet, truth: Truth, best: Float64Array): Promise<SupernetRow> {
  const directory = path.posix.dirname(supernet.file);
  const manifest = await readManifest(root, directory);
  const epoch = manifest?.epochs.find((record) => record.epoch === supernet.epoch);
  if (epoch === undefined || epoch.groundTruth.length !== truth.subnets.length) {
    throw new BadInput(
      `${directory}: expected epoch ${supernet.epoch} with ${truth.subnets.length} accuracies in its manifest, got ${epoch?.groundTruth.length ?? 'none'}; train it on this ground truth`,
    );
  }
  const stage = directory.split('/').slice(1).join('/');
  const { file, sha256, groups } = supernet;
  return { stage, groups, epoch: epoch.epoch, file, sha256, ...supernetFigures(truth, epoch, best, seedOf(manifest)) };
}

function seedOf(manifest: Manifest | null): number {
  return z.object({ seed: z.number() }).parse(manifest?.config).seed;
}

// Files made by `ground-truth-table` have the single runs beside each accuracy; the competition's have none.
const Runs = z.record(z.string(), z.object({ runs: z.array(z.number()).optional() }));

async function readTruth({ space, ground_truth: source }: ReportConfig): Promise<Truth> {
  const text = await projectFile(source);
  const listed = parseSubnetList(space, text, source.file);
  const runs = Runs.parse(JSON.parse(text));
  const bySubnet = listed.map(({ id }) => runs[id]?.runs ?? []);
  const seeds = Math.min(...bySubnet.map((list) => list.length));
  return {
    subnets: listed.map(({ subnet }) => subnet),
    accuracies: listed.map(({ id, accuracy }) => {
      if (accuracy !== null) return accuracy;
      throw new BadInput(`${source.file}: ${id}: expected an accuracy (acc), got none`);
    }),
    bySeed: seeds < 2 ? null : Array.from({ length: seeds }, (_, seed) => bySubnet.map((list) => list[seed] ?? NaN)),
  };
}
