import type { Command } from 'commander';
import { interruption } from './failure.ts';
import { jsonOption, output } from './options.ts';
import { withServer } from './server.ts';
import type { Place } from './server.ts';
import { defineForWorkers } from './worker-options.ts';
import type { WorkerFlags } from './worker-options.ts';
import { toStderr, withWorkers } from './worker.ts';
import type { Orders } from './worker.ts';
import { serverHome } from '../runtime/layout.ts';
import { keepServer } from '../runtime/server-keeper.ts';
import { allDevices } from '../workers/devices.ts';
import { registerAttributes } from '../workers/search.ts';
import { configuredServer, embeddedServer } from '../workers/server.ts';

export function define(command: Command): void {
  defineForWorkers(command).addOption(jsonOption()).action(up);
}

interface Options extends WorkerFlags {
  readonly json?: true;
}

async function up({ json, ...flags }: Options): Promise<void> {
  const orders = { signal: interruption(), warn: toStderr };
  await withEverythingUp(orders, flags, async ({ place, devices, stopped }) => {
    const { address } = place.config.connectionOptions;
    output(json, { address, ui: place.ui, devices }, () =>
      [
        `server   ${address}`,
        ...(place.ui === null ? [] : [`UI       ${place.ui}`]),
        `workers  ${devices.join(', ')}`,
        'Ctrl-C lets running stages write a checkpoint and ends all of it; the next `nas up` goes on.',
      ].join('\n'),
    );
    await stopped;
  });
}

/** A server with workers of this process. */
interface Up {
  readonly place: Place;
  readonly devices: readonly string[];
  /** Ends when the workers have shut down. */
  readonly stopped: Promise<void>;
}

/**
 * Brings up the embedded server (unless the environment names another) and workers of every kind for as long as `body`
 * runs. Then the workers stop at a checkpoint, and the server ends if this process is in charge of it.
 */
export async function withEverythingUp<T>(
  orders: Orders,
  flags: WorkerFlags,
  body: (up: Up) => Promise<T>,
): Promise<T> {
  const devices = await allDevices();
  const inPlace = async (place: Place): Promise<T> =>
    await withWorkers(place, { roles: ['control', 'heavy'], devices }, flags, orders, ({ stopped }) =>
      body({ place, devices, stopped }),
    );
  const configured = configuredServer();
  if (configured !== null) return await inPlace({ config: configured, isEmbedded: false, ui: null });
  const keeper = await keepServer(serverHome, orders.signal);
  try {
    const place = { config: embeddedServer(keeper.address), isEmbedded: true, ui: keeper.ui };
    // A database that an older version made has none.
    await withServer(({ client }) => registerAttributes(client), place);
    return await inPlace(place);
  } finally {
    await keeper.stop();
  }
}
