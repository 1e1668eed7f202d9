import type { Command } from 'commander';
import { withServer } from './connection.ts';
import { output } from './output.ts';
import { readRun } from './run.ts';
import { defineForRun } from './tell.ts';
import { statusTable } from './view/status-table.ts';

export function define(command: Command): void {
  defineForRun(command).action(async (run: string, { json }: { json?: true }) => {
    await withServer(async ({ client }) => {
      const { status } = await readRun(client, run);
      output(json, status, () => statusTable(status));
    });
  });
}
