import path from 'node:path';
import type { CataloguedStage } from '../artifacts/catalogue.ts';
import { fileNames } from '../artifacts/paths.ts';
import { readResult } from '../artifacts/results.ts';
import type { Report } from './text.ts';
import type { Interval } from '../nas/evaluation/agreement.ts';

/** The reports among the stages of a run, one for each of its stages `uses: report`. */
export async function readReports(root: string, stages: readonly CataloguedStage[]): Promise<Report[]> {
  const files = stages
    .filter(({ manifest }) => manifest.state === 'done')
    .flatMap(({ manifest }) => manifest.files)
    .filter(({ file }) => path.posix.basename(file) === fileNames.reportData);
  return await Promise.all(files.map(async (file) => parseReport(await readResult(root, file))));
}

/** What release 0.1.0 called a baseline. */
const OLD_NAMES = new Map([['blend', 'log parameters and depth']]);

/** A figure that earlier releases did not write. */
const UNKNOWN: Interval = { estimate: NaN, low: NaN, high: NaN, standardError: NaN, level: 0.95 };

function parseReport(text: string): Report {
  const report: Report = JSON.parse(text);
  const { groundTruth, ceiling, baselines, supernets } = report;
  const filled = { spearman: UNKNOWN, pearson: UNKNOWN, regret: UNKNOWN, inside: null };
  return {
    ...report,
    groundTruth: { ...groundTruth, heldOut: groundTruth.heldOut ?? false },
    ceiling: ceiling && { ...ceiling, inside: ceiling.inside ?? null },
    baselines: baselines.map((one) => ({ ...filled, ...one, name: OLD_NAMES.get(one.name) ?? one.name })),
    supernets: supernets.map((one) => ({ ...filled, ...one })),
    averages: report.averages ?? [],
  };
}

/** The pages that the stages `uses: report` of a run have written, relative to the results root; none of release 0.1.0. */
export function pagesOf(stages: readonly CataloguedStage[]): string[] {
  return stages
    .flatMap(({ manifest }) => manifest.extras)
    .map(({ file }) => file)
    .filter((file) => path.posix.basename(file) === fileNames.reportPage);
}
