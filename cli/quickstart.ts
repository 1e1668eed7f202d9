import path from 'node:path';
import type { Client } from '@temporalio/client';
import { projectFile } from '../artifacts/paths.ts';
import { Argument } from 'commander';
import type { Command } from 'commander';
import { appendFileSync, mkdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { isS3, resultsRoot } from '../artifacts/paths.ts';
import { catalogue } from '../artifacts/catalogue.ts';
import { pagesOf, readReports } from '../report/read.ts';
import { withEverythingUp } from './up.ts';
import { interruption } from './failure.ts';
import { defineForPipeline, loadPlan } from './load.ts';
import type { LoadOptions } from './load.ts';
import { output } from './options.ts';
import { summariesOf } from './report.ts';
import { withServer } from './server.ts';
import { startOrAttach } from './start.ts';
import { statusTable } from './view/stages.ts';
import { endInWords, follow } from './watch.ts';
import { readRun } from '../runs/run.ts';
import { orderStage } from '../runs/steer.ts';
import type { RunView } from '../runs/run.ts';
import { shellWord } from '../report/format.ts';
import { commandFor, serverHome } from '../runtime/layout.ts';

export function define(command: Command): void {
  const file = 'pipelines/quickstart.yml';
  // Help names it without the clone's path, so that it reads the same in every clone.
  const pipeline = new Argument('[pipeline]', 'a pipeline file (.yml)').default(projectFile(file), file);
  defineForPipeline(command.addArgument(pipeline)).action(quickstart);
}

/** What `npm start` does: server, workers, run, summary, and all of it down again. An unfinished run goes on. */
async function quickstart(pipeline: string, { json, ...options }: LoadOptions): Promise<void> {
  const plan = loadPlan(pipeline, options);
  const signal = interruption();
  const tell = json === true ? () => {} : (line: string) => process.stdout.write(`${line}\n`);
  tell(`run ${plan.id}: bringing up a server and workers`);
  await withEverythingUp({ signal, warn: toLog }, {}, ({ place }) =>
    withServer(async (server) => {
      const { client } = server;
      const outcome = await startOrAttach(server, plan);
      if (outcome === 'done') tell(`run ${plan.id}: done already; \`${onceMore()}\` runs it all once more`);
      if (outcome === 'attached') await retryParked(client, plan.id);
      const footer = server.uiOf(plan.id) ?? '';
      const view = await follow(client, plan.id, { quiet: json === true, footer, isOver, signal });
      if (view?.ending !== 'done') process.exitCode = 1;
      if (view === null) return tell(`run ${plan.id}: stops at a checkpoint; the same command goes on from there`);
      const stages = await catalogue(resultsRoot(), plan.id);
      const reports = await readReports(resultsRoot(), stages);
      // `nas open` fetches one out of a bucket.
      const pages = isS3(resultsRoot()) ? [] : pagesOf(stages).map((file) => path.join(resultsRoot(), file));
      const words = view.ending === null ? stuck(view) : await endInWords(client, view);
      output(json, { status: view.status, report: reports.length > 1 ? reports : (reports[0] ?? null), pages }, () =>
        [words, ...(reports.length > 0 ? [summariesOf(reports)] : []), ...pages.map(pageInWords)].join('\n\n'),
      );
    }, place),
  );
}

/** Most terminals open an address that is clicked. */
function pageInWords(file: string): string {
  return `the page of the run: ${pathToFileURL(file).href}`;
}

// The terminal shows the run.
function toLog(line: string): void {
  mkdirSync(serverHome, { recursive: true });
  appendFileSync(path.join(serverHome, 'worker.log'), line);
}

// Without a terminal there is nobody to ask.
function isOver({ ending, status }: RunView): boolean {
  return ending !== null || (status.state === 'waiting' && !process.stdout.isTTY);
}

function stuck(view: RunView): string {
  return `${statusTable(view)}\n\nrun ${view.status.id}: stages wait for a person; mend the cause, and \`${again(typed())}\` tries them again`;
}

/** What was typed after the verb: a run goes on under the same id, and with the same plan. */
function typed(): string[] {
  return process.argv.slice(3);
}

function again(words: readonly string[]): string {
  return commandFor('quickstart', words.map(shellWord).join(' '));
}

function onceMore(): string {
  const kept = typed().filter((word, at, words) => !/^--(id|fresh)\b/.test(word) && words[at - 1] !== '--id');
  return again([...kept, '--id', 'NAME', '--fresh']);
}

// Whoever says `npm start` again has mended what was wrong.
async function retryParked(client: Client, run: string): Promise<void> {
  const { status } = await readRun(client, run);
  for (const stage of status.stages.filter(
    ({ state, cells }) => state === 'parked' || (cells?.parked.length ?? 0) > 0,
  )) {
    await orderStage(client, run, 'retry', { stage: stage.id });
  }
}
