import { DefaultLogger, Runtime } from '@temporalio/worker';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { resultsRoot } from '../artifacts/paths.ts';
import { isWritable, serverHome } from '../runtime/layout.ts';
import { keepServer } from '../runtime/server-keeper.ts';
import { allDevices } from '../workers/devices.ts';
import { configuredServer, embeddedServer } from '../workers/server.ts';
import { startWorkers } from '../workers/workers.ts';
import type { RunningWorkers, WorkerOptions } from '../workers/workers.ts';
import { Failure } from './failure.ts';
import type { Place } from './server.ts';

/** A server with workers of this process. */
interface Up {
  readonly place: Place;
  readonly devices: readonly string[];
  /** Ends when the workers have shut down, as they do once the signal comes. */
  readonly stopped: Promise<void>;
}

/** How a process that runs workers is told to end, and where its workers' warnings go, a line each. */
interface Running {
  readonly signal: AbortSignal;
  readonly warn: (line: string) => void;
}

/**
 * Brings up the embedded server (unless the environment names another) and workers of every kind for as long as `body`
 * runs. Then the workers stop at a checkpoint, and the server ends if this process started it. Throws what a worker
 * throws that fails, and the signal's reason if that comes before all is up.
 */
export async function withEverythingUp<T>(running: Running, body: (up: Up) => Promise<T>): Promise<T> {
  const devices = await allDevices();
  const inPlace = async (place: Place): Promise<T> =>
    await withWorkers(place, { roles: ['control', 'heavy'], devices }, running, ({ stopped }) =>
      body({ place, devices, stopped }),
    );
  const configured = configuredServer();
  if (configured !== null) return await inPlace({ config: configured, ui: null });
  const keeper = await keepServer(serverHome, running.signal);
  try {
    return await inPlace({ config: embeddedServer(keeper.address), ui: keeper.ui });
  } finally {
    await keeper.stop();
  }
}

/** Runs workers of this process for as long as `body` runs, as `withEverythingUp` does. */
export async function withWorkers<T>(
  { config }: Place,
  options: WorkerOptions,
  { signal, warn }: Running,
  body: (workers: RunningWorkers) => Promise<T>,
): Promise<T> {
  requireResultsFolder();
  sayWarnings(warn);
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

// Said before anything starts; every stage would fail of it.
function requireResultsFolder(): void {
  const folder = resultsRoot();
  if (!isWritable(folder)) {
    throw new Failure(`results: expected a folder that can be written, got ${folder}; name another by NAS_RESULTS`);
  }
  mkdirSync(folder, { recursive: true });
}

// To be called before the first worker is made. Signals are the command's own: the workers are shut down by hand.
function sayWarnings(warn: (line: string) => void): void {
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

/** Where the warnings of a process go that shows nothing else. */
export function toStderr(line: string): void {
  process.stderr.write(line);
}

/** Rejects if a worker fails; else it never ends. */
async function failureOf({ stopped }: RunningWorkers): Promise<never> {
  await stopped;
  return await new Promise<never>(() => {});
}
