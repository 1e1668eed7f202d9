import { BadInput } from '../plan/endings.ts';
import path from 'node:path';
import { z } from 'zod';
import { performStage, publish } from '../activities/stage-activity.ts';
import { readManifest } from '../artifacts/manifest.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { fileNames } from '../artifacts/paths.ts';
import { projectFile } from '../nas/process/stage-io.ts';
import { parseSubnetList } from '../nas/space/subnet-list.ts';
import { ReportConfig } from '../pipelines/kinds/report.ts';
import type { SelectedSupernet, StageInput, StageResult } from '../plan/results.ts';
import { baselineFigures, ceilingOf, predictionOf, supernetFigures } from './figures.ts';
import type { Truth } from './figures.ts';
import { reportText } from './text.ts';
import type { Report, SupernetRow } from './text.ts';

/** Writes `report.md` and `report.json`: each chosen epoch with its tau, beside the baselines and what noise allows. */
export async function report(input: StageInput): Promise<StageResult> {
  return await performStage(input, async (attempt) => {
    const config = ReportConfig.parse(attempt.input.with);
    const made = await makeReport(attempt.root, config);
    const { directory } = attempt.input;
    const data = { file: `${directory}/${fileNames.reportData}`, text: `${JSON.stringify(made, null, 1)}\n` };
    const text = { file: `${directory}/${fileNames.reportText}`, text: `${reportText(made)}\n` };
    const [, sha256 = ''] = await publish(attempt, [data, text]);
    return { report: { file: text.file, sha256 } };
  });
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
