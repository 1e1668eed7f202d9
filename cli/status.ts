import type { Command } from 'commander';
import { ledgerOf } from '../artifacts/ledger.ts';
import { resultsRoot } from '../artifacts/paths.ts';
import { withServer } from './connection.ts';
import { output } from './output.ts';
import { readRun } from './run.ts';
import { defineForRun } from './tell.ts';
import { ledgerTable } from './view/ledger-table.ts';
import { statusTable } from './view/status-table.ts';

interface Options {
  readonly ledger?: true;
  readonly json?: true;
}

export function define(command: Command): void {
  defineForRun(command)
    .option('--ledger', 'also useful, redone and waiting time by stage and device')
    .action(async (run: string, { ledger, json }: Options) => {
      await withServer(async ({ client }) => {
        const { status } = await readRun(client, run);
        if (ledger !== true) return output(json, status, () => statusTable(status));
        const lines = await ledgerOf(resultsRoot(), run);
        return output(json, { ...status, ledger: lines }, () => `${statusTable(status)}\n\n${ledgerTable(lines)}`);
      });
    });
}
