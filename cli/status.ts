import type { Command } from 'commander';
import { ledgerOf } from '../artifacts/ledger.ts';
import { resultsRoot } from '../artifacts/paths.ts';
import type { RunStatus } from '../workflows/messages.ts';
import { withServer } from './connection.ts';
import type { Server } from './connection.ts';
import { forecast } from './forecast.ts';
import type { Forecast } from './forecast.ts';
import { output } from './output.ts';
import { readRun } from './run.ts';
import { planOf } from './start-run.ts';
import { defineForRun } from './tell.ts';
import { ledgerTable } from './view/ledger-table.ts';
import { forecastLines } from './view/forecast-lines.ts';
import { statusTable } from './view/status-table.ts';

interface Options {
  readonly ledger?: true;
  readonly json?: true;
}

export function define(command: Command): void {
  defineForRun(command)
    .option('--ledger', 'also useful, redone and waiting time by stage and device')
    .action(async (run: string, { ledger, json }: Options) => {
      await withServer(async (server) => {
        const { status } = await readRun(server.client, run);
        const ahead = await forecastsOf(server, status);
        const text = [statusTable(status), ...forecastLines(ahead)].join('\n');
        if (ledger !== true) return output(json, { ...status, forecast: ahead }, () => text);
        const lines = await ledgerOf(resultsRoot(), run);
        return output(json, { ...status, forecast: ahead, ledger: lines }, () => `${text}\n\n${ledgerTable(lines)}`);
      });
    });
}

// What will become of the stages that have not begun; nothing where the results lie elsewhere.
async function forecastsOf(server: Server, { id, stages }: RunStatus): Promise<Forecast[]> {
  const waiting = new Set(stages.filter(({ state }) => state === 'waiting').map((stage) => stage.id));
  if (waiting.size === 0) return [];
  const all = await forecast(await planOf(server, id), resultsRoot());
  return all.filter(({ stage }) => waiting.has(stage));
}
