import pc from 'picocolors';
import { Option } from 'commander';
import type { Command } from 'commander';
import { resultsRoot } from '../artifacts/paths.ts';
import { Failure, silence } from './failure.ts';
import { jsonOption, output } from './options.ts';
import { withServer } from './server.ts';
import { columns } from './view/format.ts';
import { bytes, duration, tau } from '../report/format.ts';
import { cacheFolder } from '../runtime/layout.ts';
import { ServerError } from '../runtime/temporal-server.ts';
import { listRuns } from '../runs/list.ts';
import type { ListedRun, Wait } from '../runs/list.ts';

const STATES = ['running', 'waiting', 'paused', 'done', 'failed', 'cancelled', 'unknown'] as const;

interface Options {
  readonly state?: ListedRun['state'];
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .addOption(new Option('--state <state>', 'only runs in that state').choices(STATES))
    .addOption(jsonOption())
    .action(list);
}

async function list({ state, json }: Options): Promise<void> {
  const { runs, missing } = await allRuns();
  const shown = runs.filter((run) => state === undefined || run.state === state);
  if (missing !== null && json !== true) process.stderr.write(`note: only the results folder is listed: ${missing}\n`);
  output(json, { results: resultsRoot(), serverMissing: missing, runs: shown }, () => {
    if (shown.length > 0) return runTable(shown, Date.now());
    return runs.length > 0 ? `no run is ${state}` : 'no runs yet; `nas start PIPELINE` starts one';
  });
}

/** All runs, and why those of the server are missing if they are. */
export async function allRuns(): Promise<{ runs: readonly ListedRun[]; missing: string | null }> {
  const places = { root: resultsRoot(), cache: cacheFolder() };
  try {
    return { runs: await withServer(({ client }) => listRuns({ client, ...places })), missing: null };
  } catch (error) {
    const missing = whyNoServer(error);
    if (missing === null) throw error;
    return { runs: await listRuns({ client: null, ...places }), missing };
  }
}

function whyNoServer(error: unknown): string | null {
  if (error instanceof Failure || error instanceof ServerError) return error.message;
  return error instanceof Error && error.name === 'ServiceError' ? silence(error) : null;
}

/** A line a run; `now` (ms) ends the time of those that are open. */
export function runTable(runs: readonly ListedRun[], now: number): string {
  const head = ['  run', 'state', 'time', 'began', 'done', 'tau', 'size', 'waits for'].map((title) => pc.dim(title));
  const rows = runs.map(({ id, state, startedAt, endedAt, results, waits }) => [
    `${MARKS[state]} ${id}`,
    state,
    startedAt === null ? '' : duration((endedAt ?? now) - startedAt),
    startedAt === null ? '' : localTime(startedAt),
    results === null ? '' : `${results.stages.done}/${results.stages.begun}`,
    results?.tau == null ? '' : tau(results.tau),
    results === null ? '' : bytes(results.bytes),
    waitsInWords(waits),
  ]);
  return columns([head, ...rows]).join('\n');
}

const MARKS: Readonly<Record<ListedRun['state'], string>> = {
  running: pc.cyan('▶'),
  waiting: pc.yellow('?'),
  paused: pc.yellow('‖'),
  done: pc.green('✓'),
  failed: pc.red('✗'),
  cancelled: pc.dim('-'),
  unknown: pc.dim('·'),
};

function localTime(at: number): string {
  // The Swedish form is that of ISO 8601, in the time zone of whoever reads it.
  return new Date(at).toLocaleString('sv-SE').slice(0, 16);
}

const MOST = 3;

function waitsInWords(waits: readonly Wait[]): string {
  const words = waits.map(({ for: what, stage }) => {
    if (what === 'worker') return stage === null ? 'a worker' : `a worker for ${stage}`;
    if (what === 'resume') return '`nas resume`';
    return what === 'epoch' ? `an epoch of ${stage}` : `${stage}, parked`;
  });
  const more = words.length > MOST ? [`${words.length - MOST} more`] : [];
  return [...words.slice(0, MOST), ...more].join('; ');
}
