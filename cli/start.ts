import type { Command } from 'commander';
import { loadPipeline } from '../pipelines/load.ts';
import { withServer } from './connection.ts';
import { defineForPipeline } from './load.ts';
import type { LoadOptions } from './load.ts';
import { output } from './output.ts';
import { startOrAttach } from './start-run.ts';
import type { Outcome } from './start-run.ts';
import { watchRun } from './watch.ts';

interface Options extends LoadOptions {
  readonly watch?: true;
}

export function define(command: Command): void {
  defineForPipeline(command.argument('<pipeline>', 'a pipeline file (.yml)'))
    .option('--watch', 'follow it until it ends')
    .action(start);
}

async function start(pipeline: string, { watch, json, ...options }: Options): Promise<void> {
  const plan = loadPipeline(pipeline, options);
  await withServer(async (server) => {
    const outcome = await startOrAttach(server, plan);
    const ui = server.uiOf(plan.id);
    if (watch === true) return await watchRun(server, plan.id, json);
    output(json, { run: plan.id, outcome, ui }, () =>
      [outcomeInWords(plan.id, outcome), ...(ui === null ? [] : [ui])].join('\n'),
    );
  });
}

/** What became of a start, and what to do next. */
export function outcomeInWords(run: string, outcome: Outcome): string {
  const words: Readonly<Record<Outcome, string>> = {
    started: `started; follow it with \`nas watch ${run}\``,
    attached: `running already, nothing new was started; follow it with \`nas watch ${run}\``,
    again: `had ended early and goes on, what it had finished is kept; follow it with \`nas watch ${run}\``,
    done: `done already; \`nas report ${run}\` shows its summary, another --id runs it anew`,
  };
  return `run ${run}: ${words[outcome]}`;
}
