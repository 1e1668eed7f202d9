import { Option } from 'commander';
import type { Command } from 'commander';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { isS3, resultsRoot } from '../artifacts/paths.ts';
import { openStore } from '../artifacts/results.ts';
import { Failure, interruption } from './failure.ts';
import { jsonOption, output, wholeNumber } from './options.ts';
import { findPlace } from './server.ts';
import type { Place } from './server.ts';
import { definePermissions, permissionsIn } from './worker-permissions.ts';
import type { PermissionOptions } from './worker-permissions.ts';
import { HEAVY_QUEUE } from '../plan/names.ts';
import { isWritable } from '../runtime/layout.ts';
import { allDevices, cardDevices, cpuSlots } from '../workers/devices.ts';
import { startWorkers } from '../workers/workers.ts';
import type { Role, RunningWorkers, WorkerOptions } from '../workers/workers.ts';

interface Options extends PermissionOptions {
  readonly role?: Role;
  readonly gpu?: readonly number[];
  readonly cpu?: number;
  readonly queue: string;
  readonly json?: true;
}

export function define(command: Command): void {
  definePermissions(command)
    .addOption(
      new Option('--role <role>', 'workflows and light work, or heavy work; both where absent').choices([
        'control',
        'heavy',
      ]),
    )
    .option('--gpu <cards>', 'train on these cards, one process each, such as 0,1', cards)
    .option('--cpu <slots>', 'train on the processor, so many processes at once', wholeNumber)
    .option('--queue <name>', 'task queue of the heavy work', HEAVY_QUEUE)
    .addOption(jsonOption())
    .action(worker);
}

async function worker({ role, gpu = [], cpu = 0, queue, json, ...options }: Options): Promise<void> {
  const roles = role === undefined ? (['control', 'heavy'] as const) : [role];
  const named = [...(gpu.length > 0 ? await cardDevices(gpu) : []), ...cpuSlots(cpu)];
  const devices = named.length > 0 ? named : await allDevices();
  const orders = { signal: interruption(), warn: toStderr };
  const place = await findPlace();
  const permissions = permissionsIn(options, place);
  await withWorkers(place, { roles, devices, queue, permissions }, orders, async ({ stopped }) => {
    const { address } = place.config.connectionOptions;
    output(
      json,
      { address, roles, devices, queue, permissions },
      () => `workers for ${address}: ${roles.join(' and ')} on ${devices.join(', ')}`,
    );
    await stopped;
  });
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
  { config }: Place,
  options: WorkerOptions,
  { signal, warn }: Orders,
  body: (workers: RunningWorkers) => Promise<T>,
): Promise<T> {
  await requireResults();
  installRuntime(warn);
  const workers = await Promise.race([startWorkers(config, options), rejectionOf(signal)]);
  signal.addEventListener('abort', () => workers.shutdown());
  if (signal.aborted) workers.shutdown();
  try {
    return await Promise.race([body(workers), failureOf(workers)]);
  } finally {
    workers.shutdown();
    await workers.stopped;
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

// To be called before the first worker is made. Signals are handled here, not by the library.
function installRuntime(warn: (line: string) => void): void {
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('WARN', ({ level, timestampNanos, message, meta }) => {
      // Workers of heavy work have none on purpose.
      if (message.startsWith('No workflows registered')) return;
      const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
      warn(`${time} ${level} ${message} ${meta === undefined ? '' : JSON.stringify(meta)}\n`);
    }),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
  });
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
