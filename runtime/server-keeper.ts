import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLocked, tryLock } from './file-lock.ts';
import { freePort } from './free-port.ts';
import {
  addressesOf,
  answers,
  endServer,
  findServer,
  HOST,
  lastServer,
  openFolder,
  serverFiles,
  ServerError,
  START_MS,
  startServer,
} from './temporal-server.ts';
import type { ServerState } from './temporal-server.ts';

const LOOK_EVERY_MS = 500;
const MOST_TRIES = 3;

export interface ServerKeeper {
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  /** Where a browser finds the Temporal UI. */
  readonly ui: string;
  /** Stops looking after the server, and ends it unless another process is in charge of it. */
  stop(): Promise<void>;
}

/**
 * Brings up the Temporal server of a folder, or joins the one that runs there, and keeps it up: one that dies is started
 * again on its database and its ports, where workers and runs find it again. Each folder has its own server; a copy of a
 * folder is another folder. Of all processes that keep one server, one is in charge: it holds the keeper's lock, starts
 * the server and ends it. If it is killed, the next one takes over.
 * @param signal ends the bringing up, and leaves nothing running
 * @throws ServerError, one sentence, where there is no bringing it up; the signal's reason where that comes first
 */
export async function keepServer(home: string, signal?: AbortSignal): Promise<ServerKeeper> {
  openFolder(home);
  const { serverLock, keeperLock } = serverFiles(home);
  let charge: number | null = null;
  const takeCharge = (): number | null => (charge ??= tryLock(keeperLock));
  const mayStart = (): boolean => takeCharge() !== null && !isLocked(serverLock);
  const leave = async (): Promise<void> => {
    const lock = takeCharge();
    if (lock === null) return;
    await endServer(home);
    closeSync(lock);
    charge = null;
  };

  const bringUp = async (): Promise<ServerState> => {
    const deadline = Date.now() + START_MS;
    for (;;) {
      signal?.throwIfAborted();
      const running = findServer(home);
      if (running !== null && (await answers(running.address))) return running;
      if (mayStart()) return await startOnFreePorts(home, signal);
      if (Date.now() > deadline) throw silence(home);
      await sleep(LOOK_EVERY_MS);
    }
  };

  const server = await bringUp().catch(async (error: unknown) => {
    await leave();
    throw error;
  });
  const stopping = new AbortController();
  const watching = watch(stopping.signal, async () => {
    if (mayStart()) await startServer(home, server, stopping.signal);
  });
  return {
    ...addressesOf(server),
    async stop() {
      stopping.abort();
      await watching;
      await leave();
    },
  };
}

async function watch(signal: AbortSignal, look: () => Promise<void>): Promise<void> {
  let said = '';
  while (!signal.aborted) {
    await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return;
    await look().catch((error: unknown) => {
      // Once, not twice a second.
      if (!signal.aborted && String(error) !== said) console.error((said = String(error)));
    });
  }
}

// On its ports of before, which somebody may have noted; on others where they are taken.
async function startOnFreePorts(home: string, signal: AbortSignal | undefined): Promise<ServerState> {
  const before = lastServer(home);
  for (let tried = 1; ; tried++) {
    const ports = { port: await freePort(HOST, before?.port), uiPort: await freePort(HOST, before?.uiPort) };
    try {
      return await startServer(home, ports, signal);
    } catch (error) {
      // Somebody has taken the port in the moment between.
      if (tried === MOST_TRIES || !String(error).includes('address already in use')) throw error;
    }
  }
}

function silence(home: string): ServerError {
  const server = findServer(home);
  const who = server === null ? 'a process that does not tell its address' : `process ${server.pid}`;
  const where = server === null ? '' : ` on ${server.address}`;
  return new ServerError(
    `embedded server: expected ${who}, which has ${serverFiles(home).database} open, to answer${where}, got silence for ${START_MS / 1000} s; end that process (it may be one of another container or machine), or name another folder by NAS_HOME`,
  );
}
