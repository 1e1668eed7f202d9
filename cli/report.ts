import type { Command } from 'commander';
import { Failure } from './failure.ts';
import { output } from './output.ts';
import { readReport, summaryOf } from './read-report.ts';
import { defineForRun } from './tell.ts';

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
