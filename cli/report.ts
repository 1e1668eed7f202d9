import path from 'node:path';
import pc from 'picocolors';
import type { Command } from 'commander';
import { atomicWrite } from '../artifacts/files.ts';
import { checkRunId, isS3, resultsRoot } from '../artifacts/paths.ts';
import { Failure } from './failure.ts';
import { defineForRun, output } from './options.ts';
import { columns } from './view/format.ts';
import { stagesOfRun } from '../artifacts/catalogue.ts';
import { readReports } from '../report/read.ts';
import { averageName, ceilingLines, predictionWords } from '../report/text.ts';
import type { Report } from '../report/text.ts';
import { figure } from '../report/format.ts';

export function define(command: Command): void {
  const options = defineForRun(command).option('--html <file>', 'write the page of the run instead, as one file');
  options.action(async (run: string, { json, html }: { json?: true; html?: string }) => {
    if (html !== undefined) return await writePage(run, html, json);
    const reports = await readReports(resultsRoot(), await stagesOfRun(resultsRoot(), run));
    if (reports.length === 0) {
      throw new Failure(
        `run ${run}: expected a report among its results, got none; a stage \`uses: report\` writes it, \`nas status ${run}\` shows how far the run is`,
      );
    }
    output(json, reports.length === 1 ? reports[0] : reports, () => summariesOf(reports));
  });
}

async function writePage(run: string, file: string, json: boolean | undefined): Promise<void> {
  // Loaded for this alone: a summary in a terminal draws no charts.
  const [{ readFacts }, { runFile }] = await Promise.all([
    import('../pages/facts.ts'),
    import('../pages/run-page.tsx'),
  ]);
  const text = runFile(await readFacts(resultsRoot(), checkRunId(run)));
  await atomicWrite(path.resolve(file), text);
  output(json, { run, file, bytes: Buffer.byteLength(text) }, () => `${file}: the page of run ${run}`);
}

/** Reports as text. */
export function summariesOf(reports: readonly Report[]): string {
  return reports.map((report) => summary(report, fromHere)).join('\n\n');
}

/** The path of a result as seen from the current folder; of one in a bucket, its name there. */
function fromHere(file: string): string {
  if (isS3(resultsRoot())) return file;
  return path.relative('', path.join(resultsRoot(), file));
}

/**
 * The report of a run for a terminal: the chosen epoch of each supernet and its tau, beside what needs no training and
 * what the noise of the labels allows. `place` turns a path below the results root into one that the user can open.
 */
export function summary(report: Report, place: (file: string) => string): string {
  const { groundTruth, ceiling, baselines, supernets, averages, ranking, prediction } = report;
  const hasBands = baselines.some(({ inside }) => inside !== null);
  const head = ['supernet', 'K', 'epoch', 'tau', 'over the best baseline', 'file'].map((title) => pc.dim(title));
  const rows = supernets.map(({ stage, groups, epoch, tau: agreement, overBaseline, file }) => [
    stage,
    String(groups),
    String(epoch),
    figure(agreement),
    figure(overBaseline),
    place(file),
  ]);
  const means = averages.map((row) => [averageName(row), '', '', figure(row.tau), figure(row.overBaseline), '']);
  return [
    `Kendall's tau against ${groundTruth.subnets} ${groundTruth.heldOut ? 'held-out ' : ''}subnets that were trained alone, with 95 % bootstrap intervals`,
    '',
    ...columns([head, ...rows, ...means]),
    '',
    ...(hasBands ? [...insideBands(report), ''] : []),
    'without any training',
    ...columns(
      baselines.map(({ name, tau: agreement, inside }) => [
        name,
        figure(agreement),
        ...(inside ? [`inside bands ${figure(inside.tau)}`] : []),
      ]),
    ),
    '',
    ...ceilingLines(ceiling),
    ...(ranking === null ? [] : [`${ranking.subnets} subnets are ranked in ${place(ranking.top1)}`]),
    ...(ranking?.fitted === undefined
      ? []
      : [`and by the accuracies to be expected of each trained alone in ${place(ranking.fitted)}`]),
    ...(prediction ? [predictionWords(prediction)] : []),
  ].join('\n');
}

/** What each supernet knows beyond size. */
function insideBands({ supernets, averages }: Report): string[] {
  const head = ['supernet', 'tau', 'over the best baseline', 'lost by its best tenth'].map((title) => pc.dim(title));
  const named = [
    ...supernets.map(({ stage, inside }) => ({ name: stage, inside })),
    ...averages.map((row) => ({ name: averageName(row), inside: row.inside })),
  ];
  const rows = named.flatMap(({ name, inside }) =>
    inside ? [[name, figure(inside.tau), figure(inside.overBaseline), `${figure(inside.regret)} percent points`]] : [],
  );
  return ['inside bands of equal size, where counting parameters ranks nothing', ...columns([head, ...rows])];
}
