import type { Command } from 'commander';
import { withServer } from './server.ts';
import type { Server } from './server.ts';
import { follow } from './follow.ts';
import { output } from './options.ts';
import { endInWords } from './run.ts';
import { defineForRun } from './steer.ts';
import { interruption } from './failure.ts';

export function define(command: Command): void {
  defineForRun(command).action(async (run: string, { json }: { json?: true }) => {
    await withServer(async (server) => await watchRun(server, run, json));
  });
}

/** Follows a run until it ends or the user presses Ctrl-C, which leaves the run going. Exit code 1 if it did not end well. */
export async function watchRun(server: Server, run: string, json: boolean | undefined): Promise<void> {
  const footer = server.uiOf(run) ?? '';
  const view = await follow(server.client, run, { quiet: json === true, footer, signal: interruption() });
  if (view === null) {
    process.stderr.write(`run ${run} goes on; come back with \`nas watch ${run}\`\n`);
    return;
  }
  if (view.ending !== 'done') process.exitCode = 1;
  const end = await endInWords(server.client, view);
  output(json, view.status, () => end);
}
