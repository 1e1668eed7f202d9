import { Context } from '@temporalio/activity';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Interruption } from './endings.ts';
import { Phase } from '../nas/process/protocol.ts';
import type { Progress } from '../nas/process/protocol.ts';
import { allocatorEnvironment } from '../runtime/machine.ts';

/** A program in TypeScript that is run as a process of its own. */
interface Program {
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

/** Until a phase has shown its pace: a first step compiles, reads data, waits for a busy machine. */
const UNKNOWN_PACE_MS = 30 * 60_000;
/** Never called stalled before this. */
const LEAST_MS = 60_000;
const TIMES_MEDIAN = 20;
const STEPS_TO_KNOW_PACE = 5;
const STEPS_KEPT = 200;

/**
 * Tells a process that lives from one that gets on: stalled is one whose counts have not moved for many times its median
 * step time, each phase at its own pace. Times are milliseconds of any clock.
 */
export class StallWatch {
  readonly #leastMs: number;
  readonly #steps = new Map<Phase, number[]>(Phase.options.map((phase) => [phase, []]));
  #phase: Phase = 'loading';
  #position = '';
  #movedAt: number;

  constructor(startedAt: number, leastMs = LEAST_MS) {
    this.#movedAt = startedAt;
    this.#leastMs = leastMs;
  }

  /** Takes a report; only changed counts are progress. */
  heard({ phase, epoch, step, subnets = 0 }: Pick<Progress, 'phase' | 'epoch' | 'step' | 'subnets'>, at: number): void {
    const position = `${phase} ${epoch} ${step} ${subnets}`;
    if (position === this.#position) return;
    const steps = this.#steps.get(phase);
    if (phase === this.#phase) steps?.push(at - this.#movedAt);
    if ((steps?.length ?? 0) > STEPS_KEPT) steps?.shift();
    this.#phase = phase;
    this.#position = position;
    this.#movedAt = at;
  }

  /** How long nothing has moved if that is too long, else null. */
  stalledMs(at: number): number | null {
    const still = at - this.#movedAt;
    return still > this.#patience() ? still : null;
  }

  #patience(): number {
    const steps = this.#steps.get(this.#phase) ?? [];
    if (steps.length < STEPS_TO_KNOW_PACE) return UNKNOWN_PACE_MS;
    const median = steps.toSorted((a, b) => a - b)[Math.floor(steps.length / 2)] ?? 0;
    return Math.max(this.#leastMs, TIMES_MEDIAN * median);
  }
}
