import path from 'node:path';
import { Connection } from '@temporalio/client';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { KnownError } from '../plan/endings.ts';
import { searchAttributes } from '../plan/search.ts';
import { isLocked, tryLock } from './file-lock.ts';
import { untilFree } from './free-port.ts';
import { commandFor, temporalCli } from './layout.ts';

// The Temporal server of a folder as a process: started, found, ended. server-keeper.ts says when.

/**
 * Arguments of a server for a few workers. By default a queue has four partitions; one or two workers that poll at some
 * of them can leave work in the others untouched for minutes.
 */
export const ONE_PARTITION = ['Read', 'Write'].flatMap((way) => [
  '--dynamic-config-value',
  `matching.numTaskqueue${way}Partitions=1`,
]);

const COMMAND_LINE_TYPES = { KEYWORD: 'Keyword', DOUBLE: 'Double', KEYWORD_LIST: 'KeywordList' } as const;

/** What a new database has from the server's first answer on: a run that is started at that moment keeps them, too. */
const SEARCH_ATTRIBUTES = Object.entries(searchAttributes).flatMap(([name, type]) => [
  '--search-attribute',
  `${name}=${COMMAND_LINE_TYPES[type]}`,
]);

export const HOST = '127.0.0.1';
export const START_MS = 30_000;
/** A port that is taken for longer belongs to somebody else. */
const PORT_MS = 5000;
/** Characters of what the server said. */
const MOST_WORDS = 300;

/** A server that could not be brought up, or does not answer. */
export class ServerError extends KnownError {
  constructor(message: string, options?: ErrorOptions) {
    super('Crashed', message, options);
  }
}

/** `server.json`: where the server of its folder is, or was when it ran last. */
const ServerState = z.object({
  /** In a copy of the folder it is not the copy's own path: then all of it is about another server. */
  folder: z.string(),
  pid: z.int(),
  port: z.int(),
  uiPort: z.int(),
});
export type ServerState = z.infer<typeof ServerState>;

/** What lies in the folder. */
export function serverFiles(home: string) {
  const at = (name: string): string => path.join(home, name);
  return {
    state: at('server.json'),
    /** Its lock is held by the server. */
    serverLock: at('server.lock'),
    /** Its lock is held by the process that starts and ends the server. */
    keeperLock: at('keeper.lock'),
    log: at('server.log'),
    database: at('temporal.db'),
  };
}

type EmbeddedServer = ServerState & ReturnType<typeof addressesOf>;

/** The server that runs in a folder; null where none does. */
export function findServer(home: string): EmbeddedServer | null {
  const state = isLocked(serverFiles(home).serverLock) ? lastServer(home) : null;
  return state === null ? null : { ...state, ...addressesOf(state) };
}

/** The server that ran last in this very folder, whether it still does or not; null where none did. */
export function lastServer(home: string): ServerState | null {
  const state = ServerState.safeParse(readJson(serverFiles(home).state)).data;
  return state?.folder === realpathSync(home) ? state : null;
}

/** `127.0.0.1:<port>`, and where a browser finds the Temporal UI. */
export function addressesOf({ port, uiPort }: Pick<ServerState, 'port' | 'uiPort'>): { address: string; ui: string } {
  return { address: `${HOST}:${port}`, ui: `http://${HOST}:${uiPort}` };
}

/** Makes the folder. @throws ServerError where it cannot be written, or an older version's server still runs in it */
export function openFolder(home: string): void {
  try {
    mkdirSync(home, { recursive: true });
    writeFileSync(serverFiles(home).serverLock, '', { flag: 'a' });
  } catch (error) {
    throw new ServerError(
      `embedded server: expected a folder for its state that can be written, got: ${messageOf(error)}; name another by NAS_HOME`,
      { cause: error },
    );
  }
  // Version 0.1.0 had no lock: its server is known by its process alone.
  const old = z.object({ server: z.object({ pid: z.int() }) }).safeParse(readJson(serverFiles(home).state)).data;
  if (old !== undefined && commandOf(old.server.pid).includes(serverFiles(home).database)) {
    throw new ServerError(
      `embedded server: expected none of version 0.1.0 to run any more, got process ${old.server.pid}; end the \`nas up\` that started it`,
    );
  }
}

/** Starts a server, which holds the folder's lock from now on, and waits until it answers. */
export async function startServer(
  home: string,
  { port, uiPort }: Pick<ServerState, 'port' | 'uiPort'>,
  signal?: AbortSignal,
): Promise<ServerState> {
  const { serverLock, log, database } = serverFiles(home);
  for (const one of [port, uiPort]) await mustBecomeFree(one);
  const lock = await lockOf(serverLock);
  const output = openSync(log, 'a');
  const saidBefore = statSync(log).size;
  const server = ['server', 'start-dev', '--ip', HOST, '--port', `${port}`, '--ui-port', `${uiPort}`];
  const kept = ['--db-filename', database, ...SEARCH_ATTRIBUTES];
  const child = spawn(temporalCli(), [...server, ...kept, '--log-level', 'error', ...ONE_PARTITION], {
    // A group of its own: Ctrl-C in the terminal must reach the workers first, which still have to report.
    detached: true,
    stdio: ['ignore', output, output, lock],
    // It does not start without them, where the system does not know the user.
    env: { ...process.env, USER: process.env['USER'] || 'nas', HOME: process.env['HOME'] || home },
  });
  closeSync(output);
  closeSync(lock);
  child.unref();
  try {
    await once(child, 'spawn');
    const state = writeState(home, { folder: realpathSync(home), pid: child.pid ?? 0, port, uiPort });
    await untilItAnswers(
      addressesOf(state).address,
      () => child.exitCode === null && child.signalCode === null,
      signal,
    );
    return state;
  } catch (error) {
    child.kill('SIGKILL');
    signal?.throwIfAborted();
    throw whyNotStarted(error, home, readFileSync(log).subarray(saidBefore).toString());
  }
}

async function mustBecomeFree(port: number): Promise<void> {
  if (await untilFree(HOST, port, PORT_MS)) return;
  throw new ServerError(`embedded server: expected port ${port} to be free, got it in use; end what listens there`);
}

// Somebody who only looks at the lock takes it for a moment.
async function lockOf(file: string): Promise<number> {
  for (let tried = 1; tried <= 20; tried++) {
    const lock = tryLock(file);
    if (lock !== null) return lock;
    await sleep(50);
  }
  throw new ServerError(`embedded server: expected ${file} to be free, got it locked; end the server that holds it`);
}

/** One sentence: the last that the server itself said, and what helps. */
function whyNotStarted(error: unknown, home: string, said: string): ServerError {
  const { database, log } = serverFiles(home);
  const last =
    said
      .trimEnd()
      .split('\n')
      .at(-1)
      ?.replace(/^Error: /, '') ?? '';
  const remedy = /ENOENT|EACCES/.test(messageOf(error))
    ? `run \`${commandFor('setup')}\``
    : /database|SQL/i.test(last)
      ? `move ${database} away (finished results stay; runs under way are started again under their ids)`
      : `its log is ${log}`;
  // What happened stands at the end of a long chain of callers.
  const reason = last.length > MOST_WORDS ? `…${last.slice(-MOST_WORDS)}` : last || messageOf(error);
  return new ServerError(`embedded server: expected it to start, got: ${reason}; ${remedy}`, {
    cause: error,
  });
}

async function untilItAnswers(address: string, isRunning: () => boolean, signal?: AbortSignal): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    const isUp = await answers(address);
    signal?.throwIfAborted();
    if (isUp) return;
    if (!isRunning()) throw new Error('it ended at once');
    if (Date.now() > deadline) throw new Error(`no answer on ${address} within ${START_MS / 1000} s`);
    await sleep(100);
  }
}

/** Whether the server's namespace answers, which is later than its port does. */
export async function answers(address: string): Promise<boolean> {
  try {
    const connection = await Connection.connect({ address, connectTimeout: 1000, ...withoutProxy(address) });
    try {
      await connection.workflowService.describeNamespace({ namespace: 'default' });
      return true;
    } finally {
      await connection.close();
    }
  } catch {
    return false;
  }
}

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/i;

/** Options of a connection: none to a server on this machine goes through a proxy that the environment names. */
export function withoutProxy(address: string | undefined): { channelArgs?: { 'grpc.enable_http_proxy': 0 } } {
  return LOOPBACK.test(address ?? '') ? { channelArgs: { 'grpc.enable_http_proxy': 0 } } : {};
}

/**
 * Ends the server of a folder, if one runs: asks, and kills it if that takes too long.
 * @throws ServerError where the process that is noted there is no server
 */
export async function endServer(home: string): Promise<void> {
  const { serverLock, database, state } = serverFiles(home);
  for (const [signal, patienceMs] of [
    ['SIGTERM', 10_000],
    ['SIGKILL', 5000],
  ] as const) {
    const server = findServer(home);
    if (server === null) return;
    const command = commandOf(server.pid);
    // Its number may be another process's by now.
    if (command !== '' && !command.includes(path.basename(database))) {
      throw new ServerError(
        `${state}: expected the number of a Temporal server, got ${server.pid}, which is none; end the process that holds ${serverLock}`,
      );
    }
    process.kill(server.pid, signal);
    const deadline = Date.now() + patienceMs;
    while (isLocked(serverLock) && Date.now() < deadline) await sleep(50);
  }
}

function writeState(home: string, state: ServerState): ServerState {
  const file = serverFiles(home).state;
  writeFileSync(`${file}.new`, `${JSON.stringify(state, null, 1)}\n`);
  renameSync(`${file}.new`, file);
  return state;
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
