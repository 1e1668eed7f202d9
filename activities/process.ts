import { Context } from '@temporalio/activity';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { interruptionOf } from './attempt.ts';
import type { Death, Interruption } from './endings.ts';
import { allocatorEnvironment } from '../runtime/machine.ts';
import { endProcesses, machineMemory, memoryOf } from '../runtime/processes.ts';

/** A program in TypeScript that is run as a process of its own, or as several that work together. */
export interface Program {
  /** Absolute path of the .ts file. */
  readonly file: string;
  readonly processes: readonly {
    readonly arguments: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
    /** Absolute path; stdout and stderr are added to it. */
    readonly log: string;
  }[];
  /** The stage that it works for: the results root, and its directory there. */
  readonly results: string;
  readonly directory: string;
}

/** What its activity does with it. */
export interface Supervision {
  /** Takes a message of the process, or of one of several. Throws for one it does not understand. */
  readonly onMessage: (message: unknown, rank: number) => void;
  /** How long nothing has moved, if too long. */
  readonly stalledMs: () => number | null;
  /** From SIGTERM ("checkpoint and stop") to SIGKILL. */
  readonly graceMs: number;
}

/** The end of a process; of several that of the first that ended badly, or of the first of all. */
export interface ProcessEnd extends Pick<Death, 'code' | 'signal' | 'held' | 'machine'> {
  /** Which of the processes it was. */
  readonly rank: number;
  /** Why it was ended from here, if it was: the first reason. */
  readonly interruption: Interruption | null;
  /** What went wrong with its messages. */
  readonly complaint: Error | null;
}

/** Images that are no JPEGs are decoded in Node's thread pool, which by itself has four threads. */
const POOL_SIZE = String(Math.max(availableParallelism(), 4));

const LOOK_EVERY_MS = 1000;

/** From "stop" to the end by force. */
export const GRACE_MS = 60_000;

/**
 * Runs a program until it ends: the only place where a process is started. Whatever it starts ends with it, in whatever
 * group or session: all of them have the attempt's mark in their environment. What an overtaken attempt at the stage has
 * left on this machine, whose worker died with it, is ended first. It is told by its IPC channel when this worker dies.
 * A cancelled attempt is asked to stop and killed after the grace time; one that the server has given up is killed at
 * once, before it can write. Several processes end together: where one ends badly, the others cannot go on.
 */
export async function superviseProcess(program: Program, supervision: Supervision): Promise<ProcessEnd> {
  const { results, directory } = program;
  const mark = randomUUID();
  endProcesses(
    (environment) =>
      environment.get('NAS_RESULTS') === results &&
      environment.get('NAS_STAGE') === directory &&
      environment.get('NAS_ATTEMPT') !== mark,
  );
  const logs = await Promise.all(program.processes.map(async ({ log }) => await open(log, 'a')));
  try {
    for (const log of logs) await log.write(`--- ${new Date().toISOString()} ${program.file}\n`);
    const children = program.processes.map((one, rank) => {
      const { fd } = logs[rank]!;
      return fork(program.file, one.arguments, {
        execArgv: [],
        env: {
          UV_THREADPOOL_SIZE: POOL_SIZE,
          ...allocatorEnvironment,
          ...process.env,
          ...one.environment,
          NAS_RESULTS: results,
          NAS_STAGE: directory,
          NAS_ATTEMPT: mark,
        },
        stdio: ['ignore', fd, fd, 'ipc'],
        detached: true,
      });
    });
    return await supervise(children, supervision);
  } finally {
    endProcesses((environment) => environment.get('NAS_ATTEMPT') === mark);
    for (const log of logs) await log.close();
  }
}

async function supervise(
  children: readonly ChildProcess[],
  { onMessage, stalledMs, graceMs }: Supervision,
): Promise<ProcessEnd> {
  // Taken now: listeners are called outside of the activity's context.
  const context = Context.current();
  const before = machineMemory();
  let interruption: Interruption | null = null;
  let complaint: Error | null = null;
  const held: (number | null)[] = children.map(() => null);
  let failed: number | null = null;
  let kill: NodeJS.Timeout | undefined;

  const interrupt = (why: Interruption): void => {
    if (interruption !== null) return;
    interruption = why;
    const isPolite = why !== 'lost' && why !== 'stalled';
    signalGroups(children, isPolite ? 'SIGTERM' : 'SIGKILL');
    kill = setTimeout(() => signalGroups(children, 'SIGKILL'), graceMs);
  };
  const look = setInterval(() => {
    children.forEach(({ pid }, rank) => (held[rank] = memoryOf(pid ?? 0) ?? held[rank]!));
    // While processes find each other, TensorFlow keeps the signal from them.
    if (interruption !== null && children.length > 1) signalGroups(children, 'SIGTERM');
    if (stalledMs() !== null) interrupt('stalled');
  }, LOOK_EVERY_MS);
  const ends = children.map(async (child, rank) => {
    child.on('message', (message) => {
      try {
        onMessage(message, rank);
      } catch (error) {
        complaint ??= error instanceof Error ? error : new Error(String(error));
        signalGroups(children, 'SIGKILL');
      }
    });
    await once(child, 'exit');
    if (child.exitCode !== 0 && failed === null) {
      failed = rank;
      signalGroups(children, 'SIGKILL');
    }
    // Its last messages may still be in the channel.
    if (child.connected) await once(child, 'disconnect');
  });

  const { cancellationSignal } = context;
  const onAbort = (): void => interrupt(interruptionOf(context));
  cancellationSignal.addEventListener('abort', onAbort, { once: true });
  if (cancellationSignal.aborted) onAbort();
  try {
    await Promise.all(ends);
    await nextTurn();
  } finally {
    clearInterval(look);
    clearTimeout(kill);
    cancellationSignal.removeEventListener('abort', onAbort);
  }
  const rank = failed ?? 0;
  const { exitCode: code, signalCode: signal } = children[rank]!;
  const machine = { before, after: machineMemory() };
  return { rank, code, signal, held: held[rank]!, machine, interruption, complaint };
}

function signalGroups(children: readonly ChildProcess[], signal: NodeJS.Signals): void {
  for (const { pid } of children) {
    if (pid === undefined) continue;
    try {
      process.kill(-pid, signal);
    } catch {
      // No such group: it is gone already.
    }
  }
}
