import type { Command } from 'commander';
import { resultsRoot } from '../artifacts/paths.ts';
import { reuseOf } from '../pipelines/reuse.ts';
import { withServer } from './connection.ts';
import { defineForPipeline, loadPlan } from './load.ts';
import type { LoadOptions } from './load.ts';
import type { Plan } from '../pipelines/plan.ts';
import { Failure } from './failure.ts';
import { forecast } from './forecast.ts';
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
  const plan = loadPlan(pipeline, options);
  await refuseUnfinished(plan);
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
    done: `done already; \`nas report ${run}\` shows its summary, another --id makes another run`,
  };
  return `run ${run}: ${words[outcome]}`;
}

// A run that goes on from an older one needs what that has done; said before anything starts.
async function refuseUnfinished(plan: Plan): Promise<void> {
  if (typeof plan.reuse !== 'object') return;
  const taken = (await forecast(plan, resultsRoot())).filter(({ stage }) => typeof reuseOf(plan, stage) === 'object');
  const missing = taken.filter(({ will }) => will === 'run');
  if (missing.length === 0) return;
  const lines = missing.map(({ stage, why }) => `${stage}: ${why}`);
  throw new Failure(`--from-run: ${lines.join('\n  ')}; name an earlier --from-stage`, 2);
}
