import { serverHome } from './connection.ts';
import type { Place } from './connection.ts';
import { allDevices } from './workforce.ts';
import { keepServer } from '../runtime/temporal-server.ts';
import { configuredServer, embeddedServer } from '../workers/server.ts';
import { startWorkers } from '../workers/workers.ts';
import type { RunningWorkers } from '../workers/workers.ts';

/** A server with workers of this process. */
interface Up {
  readonly place: Place;
  readonly devices: readonly string[];
  /** Ends when the workers have shut down, as they do by themselves at SIGINT and SIGTERM. */
  readonly stopped: Promise<void>;
}

/**
 * Brings up the embedded server (unless the environment names another) and workers of every kind for as long as `body`
 * runs. Then the workers stop at a checkpoint, and the server ends if this process started it. Throws what a worker
 * throws that fails.
 */
export async function withEverythingUp<T>(body: (up: Up) => Promise<T>): Promise<T> {
  const configured = configuredServer();
  if (configured !== null) return await withWorkers({ config: configured, ui: null }, body);
  const keeper = await keepServer(serverHome);
  try {
    return await withWorkers({ config: embeddedServer(keeper.address), ui: keeper.ui }, body);
  } finally {
    await keeper.stop();
  }
}

async function withWorkers<T>(place: Place, body: (up: Up) => Promise<T>): Promise<T> {
  const devices = await allDevices();
  const workers = await startWorkers(place.config, { roles: ['control', 'gpu'], devices });
  try {
    return await Promise.race([body({ place, devices, stopped: workers.stopped }), failureOf(workers)]);
  } finally {
    workers.shutdown();
    await workers.stopped;
  }
}

/** Rejects if a worker fails; else it never ends. */
async function failureOf({ stopped }: RunningWorkers): Promise<never> {
  await stopped;
  return await new Promise<never>(() => {});
}
