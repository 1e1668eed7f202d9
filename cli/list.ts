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
import { runStates } from '../plan/messages.ts';
import { waitsForPeople } from '../plan/search.ts';
import { listRuns } from '../runs/list.ts';
import type { ListedRun, Wait } from '../runs/list.ts';

const STATES = [...runStates, 'unknown'] as const;

interface Options extends Conditions {
  readonly state?: ListedRun['state'];
  readonly json?: true;
}

/** What the server finds runs by, by their search attributes. */
interface Conditions {
  readonly pipeline?: string;
  readonly stage?: string;
  readonly waitsFor?: (typeof waitsForPeople)[number];
  readonly minTau?: number;
  readonly query?: string;
}

export function define(command: Command): void {
  command
    .addOption(new Option('--state <state>', 'only runs in that state').choices(STATES))
    .option('--pipeline <name>', 'only runs of that pipeline, as far as the server knows them; so the options below')
    .option('--stage <stage>', 'only runs that are at that stage')
    .addOption(new Option('--waits-for <what>', 'only runs that wait for that').choices(waitsForPeople))
    .option('--min-tau <tau>', 'only runs with a stage of that tau or a better one', Number)
    .option('--query <condition>', 'any condition on search attributes, such as "NasTau > 0.8 AND NasState = \'done\'"')
    .addOption(jsonOption())
    .action(list);
}

async function list({ state, json, ...conditions }: Options): Promise<void> {
  const query = queryOf(conditions);
  const { runs, missing } = query === undefined ? await allRuns() : { runs: await runsThat(query), missing: null };
  const shown = runs.filter((run) => state === undefined || run.state === state);
  if (missing !== null && json !== true) process.stderr.write(`note: only the results folder is listed: ${missing}\n`);
  output(json, { results: resultsRoot(), serverMissing: missing, runs: shown }, () => {
    if (shown.length > 0) return runTable(shown, Date.now());
    if (query !== undefined) return 'the server knows no such run';
    return runs.length > 0 ? `no run is ${state}` : 'no runs yet; `nas start PIPELINE` starts one';
  });
}

/** As the server writes conditions; undefined where none is given. */
export function queryOf({ pipeline, stage, waitsFor, minTau, query }: Conditions): string | undefined {
  const conditions = [
    ...(pipeline === undefined ? [] : [`NasPipeline = ${quoted(pipeline)}`]),
    ...(stage === undefined ? [] : [`NasStage = ${quoted(stage)}`]),
    ...(waitsFor === undefined ? [] : [`NasWaitsFor = ${quoted(waitsFor)} AND ExecutionStatus = 'Running'`]),
    ...(minTau === undefined ? [] : [`NasTau >= ${minTau}`]),
    ...(query === undefined ? [] : [`(${query})`]),
  ];
  return conditions.length === 0 ? undefined : conditions.join(' AND ');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

async function runsThat(query: string): Promise<readonly ListedRun[]> {
  const places = { root: resultsRoot(), cache: cacheFolder(), query };
  return await withServer(({ client }) => listRuns({ client, ...places })).catch((error: unknown) => {
    throw wrongQuery(error) ?? error;
  });
}

// The server has no such attributes, or the condition is none.
function wrongQuery(error: unknown): Failure | null {
  if (!(error instanceof Error) || error.name !== 'ServiceError' || !(error.cause instanceof Error)) return null;
  const { message } = error.cause;
  if (!message.includes('INVALID_ARGUMENT')) return null;
  const remedy = /search attribute|column name/i.test(message)
    ? 'run `nas server register` once'
    : 'correct the condition';
  return new Failure(`nas list: expected a condition that the server understands, got: ${message}; ${remedy}`, 2);
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
  const head = ['  run', 'state', 'time', 'began', 'done of begun', 'best tau', 'size', 'waits for'].map((title) =>
    pc.dim(title),
  );
  const rows = runs.map(({ id, state, startedAt, endedAt, results, waits }) => [
    `${MARKS[state]} ${id}`,
    state,
    startedAt === null ? '' : duration((endedAt ?? now) - startedAt),
    startedAt === null ? '' : localTime.format(startedAt),
    results === null ? '' : `${results.stages.done}/${results.stages.begun}`,
    results?.bestTau == null ? '' : tau(results.bestTau),
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

// The Swedish form is that of ISO 8601, in the time zone of whoever reads it.
const localTime = new Intl.DateTimeFormat('sv-SE', { dateStyle: 'short', timeStyle: 'short' });

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
