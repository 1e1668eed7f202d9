import { Context } from '@temporalio/activity';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Interruption } from './endings.ts';
import { allocatorEnvironment } from '../runtime/allocator.ts';

/** A program in TypeScript that is run as a process of its own. */
export interface Program {
  /** Absolute path of the .ts file. */
  readonly file: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Absolute path; stdout and stderr are added to it. */
  readonly log: string;
}

/** What its activity does with it. */
export interface Supervision {
  /** Takes a message; what it returns becomes the details of the heartbeats. Throws for one it does not understand. */
  readonly heard: (message: unknown) => unknown;
  /** How long nothing has moved, if too long. */
  readonly stalledMs: () => number | null;
  /** From SIGTERM ("checkpoint and stop") to SIGKILL. */
  readonly graceMs: number;
}

export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it was ended from here, if it was: the first reason. */
  readonly interruption: Interruption | null;
  /** What went wrong with its messages. */
  readonly complaint: Error | null;
}

/** Images that are no JPEGs are decoded in Node's thread pool, which by itself has four threads. */
const POOL_SIZE = String(Math.max(availableParallelism(), 4));

/** Between heartbeats; a short time-out asks for more of them. */
const HEARTBEAT_EVERY_MS = 2000;

/**
 * Runs a program until it ends: the only place where a process is started. It leads a process group of its own, which is
 * killed as a whole, and hears by its IPC channel when this worker dies. Heartbeats repeat its last report for as long
 * as it gets on. A cancelled attempt is asked to stop and killed after the grace time; one that the server has given up
 * is killed at once, before it can write.
 */
export async function superviseProcess(program: Program, supervision: Supervision): Promise<ProcessEnd> {
  const log = await open(program.log, 'a');
  try {
    await log.write(`--- ${new Date().toISOString()} ${program.file}\n`);
    const child = fork(program.file, program.arguments, {
      execArgv: ['--import', import.meta.resolve('tsx')],
      env: { UV_THREADPOOL_SIZE: POOL_SIZE, ...allocatorEnvironment, ...process.env, ...program.environment },
      stdio: ['ignore', log.fd, log.fd, 'ipc'],
      detached: true,
    });
    return await supervise(child, supervision);
  } finally {
    await log.close();
  }
}

async function supervise(child: ChildProcess, { heard, stalledMs, graceMs }: Supervision): Promise<ProcessEnd> {
  // Taken now: listeners are called outside of the activity's context.
  const context = Context.current();
  let interruption: Interruption | null = null;
  let complaint: Error | null = null;
  let details: unknown = null;
  let kill: NodeJS.Timeout | undefined;

  const interrupt = (why: Interruption): void => {
    if (interruption !== null) return;
    interruption = why;
    const isPolite = why !== 'lost' && why !== 'stalled';
    signalGroup(child, isPolite ? 'SIGTERM' : 'SIGKILL');
    kill = setTimeout(() => signalGroup(child, 'SIGKILL'), graceMs);
  };
  const onAbort = (): void => interrupt(interruptionOf(context.cancellationDetails));
  context.heartbeat(details);
  const { heartbeatTimeoutMs = Infinity } = context.info;
  const beat = setInterval(
    () => {
      if (stalledMs() === null || interruption !== null) context.heartbeat(details);
      else interrupt('stalled');
    },
    Math.min(HEARTBEAT_EVERY_MS, heartbeatTimeoutMs / 4),
  );
  child.on('message', (message) => {
    try {
      details = heard(message) ?? details;
      context.heartbeat(details);
    } catch (error) {
      complaint ??= error instanceof Error ? error : new Error(String(error));
      signalGroup(child, 'SIGKILL');
    }
  });

  const signal = context.cancellationSignal;
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await once(child, 'exit');
    // Its last messages may still be in the channel.
    if (child.connected) await once(child, 'disconnect');
    await nextTurn();
  } finally {
    clearInterval(beat);
    clearTimeout(kill);
    signal.removeEventListener('abort', onAbort);
    // Whatever it started ends with it.
    signalGroup(child, 'SIGKILL');
  }
  return { code: child.exitCode, signal: child.signalCode, interruption, complaint };
}

function interruptionOf(details: Context['cancellationDetails']): Interruption {
  if (details?.timedOut === true || details?.notFound === true) return 'lost';
  if (details?.workerShutdown === true) return 'shutdown';
  if (details?.paused === true || details?.reset === true) return 'operator';
  return 'cancel';
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // No such group: it is gone already.
  }
}
