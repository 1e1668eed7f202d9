import { KnownError } from '../plan/endings.ts';
import path from 'node:path';
import { Connection } from '@temporalio/client';
import { spawn } from 'node:child_process';
import { mkdir, open, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { atomicWrite, isErrno } from '../artifacts/files.ts';
import { withLock } from '../artifacts/lock.ts';
import { freePort, untilFree } from './free-port.ts';
import { root, temporalCli } from './layout.ts';
import { identityOf, livenessOf, ProcessIdentity } from './process-identity.ts';

/**
 * Arguments of a server for a few workers. By default a queue has four partitions; one or two workers that poll at some
 * of them can leave work in the others untouched for minutes.
 */
export const ONE_PARTITION = ['Read', 'Write'].flatMap((way) => [
  '--dynamic-config-value',
  `matching.numTaskqueue${way}Partitions=1`,
]);

const HOST = '127.0.0.1';
const START_MS = 30_000;
/** A port that is taken for longer belongs to somebody else. */
const PORT_MS = 5000;
const LOOK_EVERY_MS = 500;

/** `.nas/server.json`: the server of this clone, and the process that ends it. */
const State = z.object({ server: ProcessIdentity, owner: ProcessIdentity, port: z.int(), uiPort: z.int() });
type State = z.infer<typeof State>;

interface EmbeddedServer {
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  /** Where a browser finds the Temporal UI. */
  readonly ui: string;
}

export interface ServerKeeper extends EmbeddedServer {
  /** Stops looking after it, and the server too unless another process owns it. */
  stop(): Promise<void>;
}

/** A server that could not be brought up, or does not answer. */
export class ServerError extends KnownError {
  constructor(message: string, options?: ErrorOptions) {
    super('Crashed', message, options);
  }
}

/** The server of this clone if it runs, else null. */
export async function findServer(home = path.join(root, '.nas')): Promise<EmbeddedServer | null> {
  const state = await readState(home);
  return state !== null && livenessOf(state.server) === 'alive' ? addressesOf(state) : null;
}

/**
 * Brings this clone's own Temporal server up, or takes the one that runs, and keeps it up: one that dies is started
 * again on its database and its ports, where workers and runs find it again. Each clone has its own free ports.
 */
export async function keepServer(home = path.join(root, '.nas')): Promise<ServerKeeper> {
  await mkdir(home, { recursive: true });
  let state = await ensure(home, 'may move');
  const stopping = new AbortController();
  const watch = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await sleep(LOOK_EVERY_MS, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined);
      if (!stopping.signal.aborted && livenessOf(state.server) === 'dead') {
        state = await ensure(home, 'stays').catch((error: unknown) => {
          console.error(String(error));
          return state;
        });
      }
    }
  };
  const watching = watch();
  return {
    ...addressesOf(state),
    async stop() {
      stopping.abort();
      await watching;
      if (state.owner.pid === process.pid) await end(state.server);
    },
  };
}

// One process at a time looks and starts, so that a clone never has two servers.
async function ensure(home: string, where: 'may move' | 'stays'): Promise<State> {
  return await withLock(
    path.join(home, 'server.lock'),
    async () => {
      const before = await readState(home);
      if (before !== null && livenessOf(before.server) === 'alive') {
        await answers(addressesOf(before).address, before.server.pid);
        if (livenessOf(before.owner) !== 'dead') return before;
        return await writeState(home, { ...before, owner: identityOf() });
      }
      return await start(home, await portOf(before?.port, where), await portOf(before?.uiPort, where));
    },
    2 * START_MS,
  );
}

// Its own port of before. Workers that know a server never find it elsewhere.
async function portOf(before: number | undefined, where: 'may move' | 'stays'): Promise<number> {
  if (before === undefined) return await freePort(HOST);
  if (await untilFree(HOST, before, PORT_MS)) return before;
  if (where === 'may move') return await freePort(HOST);
  throw new ServerError(
    `embedded server: expected port ${before} to be free again, got it in use; end what listens there`,
  );
}

async function start(home: string, port: number, uiPort: number): Promise<State> {
  const logFile = path.join(home, 'server.log');
  const log = await open(logFile, 'a');
  const database = path.join(home, 'temporal.db');
  const child = spawn(
    temporalCli(),
    [
      'server',
      'start-dev',
      '--ip',
      HOST,
      '--port',
      `${port}`,
      '--ui-port',
      `${uiPort}`,
      '--db-filename',
      database,
      '--log-level',
      'error',
      ...ONE_PARTITION,
    ],
    // A group of its own: Ctrl-C in the terminal must reach the workers first, which still have to report.
    { detached: true, stdio: ['ignore', log.fd, log.fd] },
  );
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  await log.close();
  child.unref();
  try {
    await Promise.race([answers(`${HOST}:${port}`, child.pid), failed]);
  } catch (error) {
    child.kill('SIGKILL');
    const said = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n').slice(-5).join('\n');
    throw new ServerError(
      `embedded server: expected it to answer on ${HOST}:${port} within ${START_MS / 1000} s, got ${String(error)}; its last words (${logFile}):\n${said}`,
    );
  }
  return await writeState(home, { server: identityOf(child.pid), owner: identityOf(), port, uiPort });
}

// Ready means that the namespace answers, not only the port.
async function answers(address: string, pid: number | undefined): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: 1000 });
      try {
        await connection.workflowService.describeNamespace({ namespace: 'default' });
        return;
      } finally {
        await connection.close();
      }
    } catch (error) {
      if (Date.now() > deadline) throw error;
      if (pid === undefined || !isRunning(pid)) throw new Error('the server ended at once', { cause: error });
      await sleep(100);
    }
  }
}

function isRunning(pid: number): boolean {
  return livenessOf(identityOf(pid)) === 'alive';
}

async function end(server: ProcessIdentity): Promise<void> {
  for (const [signal, patienceMs] of [
    ['SIGTERM', 10_000],
    ['SIGKILL', 5000],
  ] as const) {
    if (livenessOf(server) !== 'alive') return;
    process.kill(server.pid, signal);
    const deadline = Date.now() + patienceMs;
    while (livenessOf(server) === 'alive' && Date.now() < deadline) await sleep(50);
  }
}

async function readState(home: string): Promise<State | null> {
  try {
    const parsed = State.safeParse(JSON.parse(await readFile(path.join(home, 'server.json'), 'utf8')));
    return parsed.success ? parsed.data : null;
  } catch (error) {
    if (isErrno(error, 'ENOENT') || error instanceof SyntaxError) return null;
    throw error;
  }
}

async function writeState(home: string, state: State): Promise<State> {
  await atomicWrite(path.join(home, 'server.json'), `${JSON.stringify(state, null, 1)}\n`);
  return state;
}

function addressesOf({ port, uiPort }: State): EmbeddedServer {
  return { address: `${HOST}:${port}`, ui: `http://${HOST}:${uiPort}` };
}
