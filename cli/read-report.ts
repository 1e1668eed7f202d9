import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Report } from '../activities/report-text.ts';
import { checkRunId, fileNames, resultsRoot } from '../artifacts/paths.ts';
import { summary } from './view/summary.ts';

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
