import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { isS3, resultsRoot } from '../artifacts/paths.ts';
import { openStore } from '../artifacts/results.ts';
import { startTracing } from '../activities/spans.ts';
import { Failure, interruption } from './failure.ts';
import { jsonOption, output, positiveWhole, wholeNumber } from './options.ts';
import { findPlace } from './server.ts';
import type { Place } from './server.ts';
import { installRuntime } from './worker-logs.ts';
import { defineForWorkers, permissionsIn, roomIn } from './worker-options.ts';
import type { WorkerFlags } from './worker-options.ts';
import { HEAVY_QUEUE } from '../plan/names.ts';
import { freePort } from '../runtime/free-port.ts';
import { isWritable } from '../runtime/layout.ts';
import { HOST } from '../runtime/temporal-server.ts';
import { allDevices, cardDevices, cpuSlots } from '../workers/devices.ts';
import { serveStatus } from '../workers/status-page.ts';
import { ownBuild } from '../workers/versions.ts';
import { startWorkers } from '../workers/workers.ts';
import type { Role, RunningWorkers, WorkerOptions } from '../workers/workers.ts';

interface Options extends WorkerFlags {
  readonly role?: Role;
  readonly gpu?: readonly number[];
  readonly cpu?: number;
  readonly queue: string;
  readonly deployment?: string;
  readonly build?: string;
  /** Seconds. */
  readonly untilIdle?: number;
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .addOption(
      new Option('--role <role>', 'workflows and light work, or heavy work; both where absent').choices([
        'control',
        'heavy',
      ]),
    )
    .option('--gpu <cards>', 'train on these cards, one process each, such as 0,1', cards)
    .option('--cpu <slots>', 'train on the processor, so many processes at once', wholeNumber)
    .option('--queue <name>', 'task queue of the heavy work', HEAVY_QUEUE)
    .option(
      '--deployment <name>',
      'run beside other versions of these workers: open runs stay on the one they began with',
      versionName,
    )
    .option(
      '--build <id>',
      'what this version is called; release and a hash of the workflows where absent',
      versionName,
    )
    .option('--until-idle <seconds>', 'end once its devices have had no work for so long', positiveWhole);
  defineForWorkers(command).addOption(jsonOption()).action(worker);
}

async function worker(options: Options): Promise<void> {
  const { role, gpu = [], cpu = 0, queue, deployment, build, untilIdle, json, ...flags } = options;
  if (untilIdle !== undefined && role === 'control') {
    throw new Failure(
      '--until-idle: expected a worker of heavy work, got --role control, which has no devices; leave one of them out',
    );
  }
  const roles = role === undefined ? (['control', 'heavy'] as const) : [role];
  const named = [...(gpu.length > 0 ? await cardDevices(gpu) : []), ...cpuSlots(cpu)];
  const devices = role === 'control' ? [] : named.length > 0 ? named : await allDevices();
  const orders = { signal: interruption(), warn: toStderr };
  const place = await findPlace();
  const version = deployment === undefined ? null : { deployment, build: build ?? (await ownBuild()) };
  const asked = { roles, devices, queue, ...(version === null ? {} : { version }) };
  await withWorkers(place, asked, flags, orders, async (workers) => {
    const { address } = place.config.connectionOptions;
    output(json, { address, ...asked, permissions: permissionsIn(flags, place) }, () =>
      [
        `workers for ${address}: ${roles.join(' and ')}${devices.length > 0 ? ` on ${devices.join(', ')}` : ''}`,
        ...(version === null
          ? []
          : [
              `build ${version.build}: new runs begin on it once \`nas deploy current ${version.deployment} ${version.build}\` was said`,
            ]),
      ].join('\n'),
    );
    const asking = untilIdle === undefined ? undefined : setInterval(() => endIfIdle(workers, 1000 * untilIdle), 1000);
    await workers.stopped.finally(() => clearInterval(asking));
  });
}

/** Where another stage has come in the same moment, it is given back, and goes to another worker. */
function endIfIdle(workers: RunningWorkers, ms: number): void {
  if (workers.pool !== null && workers.pool.idleMs >= ms) workers.shutdown();
}

function versionName(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(text)) return text;
  throw new InvalidArgumentError("expected 1 to 100 letters, digits, '.', '_' or '-'.");
}

function cards(text: string): number[] {
  return text.split(',').map(wholeNumber);
}

/** For a process that runs workers: when to end, and what to do with a line of warning. */
export interface Orders {
  readonly signal: AbortSignal;
  readonly warn: (line: string) => void;
}

/** Where the warnings of a process go that shows nothing else. */
export function toStderr(line: string): void {
  process.stderr.write(line);
}

/**
 * Runs workers in this process for as long as `body` runs; then, or at the signal, they stop at a checkpoint. Throws what
 * a worker throws that fails, and the signal's reason if it comes before they are up.
 */
export async function withWorkers<T>(
  place: Place,
  options: Pick<WorkerOptions, 'roles' | 'devices' | 'queue' | 'version'>,
  flags: WorkerFlags,
  { signal, warn }: Orders,
  body: (workers: RunningWorkers) => Promise<T>,
): Promise<T> {
  await requireResults();
  const { metrics, logFormat = 'text' } = flags;
  const sdk = metrics === undefined ? null : `${HOST}:${await freePort(HOST)}`;
  const log = installRuntime(warn, { sdk, logFormat });
  const room = roomIn(flags, log);
  const permissions = permissionsIn(flags, place);
  const endTracing = await startTracing();
  const starting = startWorkers(place.config, { ...options, permissions, room });
  const workers = await Promise.race([starting, rejectionOf(signal)]);
  signal.addEventListener('abort', () => workers.shutdown());
  if (signal.aborted) workers.shutdown();
  let page: Awaited<ReturnType<typeof serveStatus>> | null = null;
  try {
    if (metrics !== undefined && sdk !== null) {
      page = await serveStatus(metrics, { sdk, room, workers, server: place.config });
    }
    return await Promise.race([body(workers), failureOf(workers)]);
  } finally {
    workers.shutdown();
    try {
      await workers.stopped;
    } finally {
      // Until then it tells that the workers end.
      await page?.close();
      await endTracing();
    }
  }
}

// Said before anything starts: without it every stage would fail.
async function requireResults(): Promise<void> {
  const folder = resultsRoot();
  if (isS3(folder)) {
    await openStore(folder).probe();
    return;
  }
  if (!isWritable(folder)) {
    throw new Failure(`results: expected a folder that can be written, got ${folder}; name another by NAS_RESULTS`);
  }
  mkdirSync(folder, { recursive: true });
}

async function rejectionOf(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

/** Rejects if a worker fails; else it never ends. */
async function failureOf({ stopped }: RunningWorkers): Promise<never> {
  await stopped;
  return await new Promise<never>(() => {});
}
