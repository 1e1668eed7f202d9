import path from 'node:path';
import pc from 'picocolors';
import type { Command } from 'commander';
import { readdir, readFile } from 'node:fs/promises';
import { checkRunId, fileNames, resultsRoot } from '../artifacts/paths.ts';
import { Failure } from './failure.ts';
import { defineForRun, output } from './options.ts';
import { columns, tau } from './view/format.ts';
import { predictionWords } from '../report/text.ts';
import type { Report } from '../report/text.ts';

export function define(command: Command): void {
  defineForRun(command).action(async (run: string, { json }: { json?: true }) => {
    const report = await readReport(run);
    if (report === null) {
      throw new Failure(
        `run ${run}: expected a report among its results, got none; a stage \`uses: report\` writes it, \`nas status ${run}\` shows how far the run is`,
      );
    }
    output(json, report, () => summaryOf(report));
  });
}

/** The report that a run wrote below the results root; null where it wrote none (yet). */
export async function readReport(run: string): Promise<Report | null> {
  const folder = path.join(resultsRoot(), checkRunId(run));
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  const found = entries.find((entry) => isReport(entry.split(path.sep)));
  if (found === undefined) return null;
  const report: Report = JSON.parse(await readFile(path.join(folder, found), 'utf8'));
  return report;
}

/** A report as text, with paths as seen from the current folder. */
export function summaryOf(report: Report): string {
  return summary(report, (file) => path.relative('', path.join(resultsRoot(), file)));
}

function isReport(segments: readonly string[]): boolean {
  return segments.at(-1) === fileNames.reportData && !segments.includes(fileNames.setAside);
}

type Interval = Report['baselines'][number]['tau'];

/**
 * The report of a run for a terminal: the chosen epoch of each supernet and its tau, beside what needs no training and
 * what the noise of the labels allows. `place` turns a path below the results root into one that the user can open.
 */
export function summary(report: Report, place: (file: string) => string): string {
  const { groundTruth, ceiling, baselines, supernets, ranking, prediction } = report;
  const head = ['supernet', 'K', 'epoch', 'tau', 'over the best baseline', 'file'].map((title) => pc.dim(title));
  const rows = supernets.map(({ stage, groups, epoch, tau: agreement, overBaseline, file }) => [
    stage,
    String(groups),
    String(epoch),
    shown(agreement),
    shown(overBaseline),
    place(file),
  ]);
  const untrained = baselines.map(({ name, tau: agreement }) => [name, shown(agreement)]);
  return [
    `Kendall's tau against ${groundTruth.subnets} subnets that were trained alone, with 95 % bootstrap intervals`,
    '',
    ...columns([head, ...rows]),
    '',
    'without any training',
    ...columns(untrained),
    '',
    ceiling === null
      ? 'the highest tau that the noise of these labels allows is not known'
      : `a perfect ranking reaches ${ceiling.kendallTau.toFixed(3)} on average, for the labels have a reliability of ${ceiling.reliability.toFixed(3)}`,
    ...(ranking === null ? [] : [`${ranking.subnets} subnets are ranked in ${place(ranking.top1)}`]),
    ...(prediction ? [predictionWords(prediction, shown)] : []),
  ].join('\n');
}

// What is not defined, NaN in the report, is null in its file.
function shown({ estimate, low, high }: Interval): string {
  if (!Number.isFinite(estimate)) return 'undefined';
  return Number.isFinite(low) && Number.isFinite(high) ? tau(estimate, [low, high]) : tau(estimate);
}
