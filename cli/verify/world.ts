import path from 'node:path';
import type { Client } from '@temporalio/client';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isS3, resultsRoot, rootBelow } from '../../artifacts/paths.ts';
import type { Target } from './kills.ts';
import { Trace } from './trace.ts';
import type { Visit } from './trace.ts';
import { traceVariable } from '../../nas/process/phase-trace.ts';
import { processState } from '../../runtime/processes.ts';
import { nasProgram } from '../../runtime/layout.ts';
import { keepServer } from '../../runtime/server-keeper.ts';
import type { ServerKeeper } from '../../runtime/server-keeper.ts';
import { findServer } from '../../runtime/temporal-server.ts';
import { connectClient, embeddedServer } from '../../workers/server.ts';

const MOST_ENDS = 20;

/** A server, a worker and a results folder of their own, whose processes are there to be killed: whatever dies comes up again. */
export class World {
  readonly results: string;
  readonly client: Client;
  readonly trace: Trace;
  /** Of its worker. */
  readonly devices: number;
  readonly #home: string;
  readonly #keeper: ServerKeeper;
  #worker: ChildProcess;
  #isOpen = true;
  #endedByThemselves = 0;

  private constructor(folder: string, devices: number, trace: Trace, keeper: ServerKeeper, client: Client) {
    this.#home = path.join(folder, 'home');
    this.devices = devices;
    this.results = resultsOf(folder);
    this.trace = trace;
    this.#keeper = keeper;
    this.client = client;
    this.#worker = this.#startWorker();
  }

  /**
   * @param folder everything is kept below it
   * @param devices of its worker
   */
  static async open(folder: string, devices: number, signal: AbortSignal): Promise<World> {
    await mkdir(folder, { recursive: true });
    const keeper = await keepServer(path.join(folder, 'home'), signal);
    const trace = await Trace.open(path.join(folder, 'trace'));
    return new World(folder, devices, trace, keeper, await connectClient(embeddedServer(keeper.address)));
  }

  /** Whether workers end over and over without having been killed; their last words are in the log. */
  get brokenLog(): string | null {
    return this.#endedByThemselves < MOST_ENDS ? null : path.join(this.#home, 'worker.log');
  }

  /** What the worker and its trainers are at; whatever else has such a pid by now is none of them. */
  atWork(): readonly Visit[] {
    const worker = this.#worker.pid ?? 0;
    return this.trace.atWork().filter(({ pid }) => pid === worker || processState(pid)?.parent === worker);
  }

  /**
   * Kills a process with SIGKILL while a piece is in a phase; false where there is none to be killed just now, or where it
   * has left the phase: the process that does the work is halted before that is asked, and goes on if it was not meant.
   */
  async kill(target: Target, visit: Visit): Promise<boolean> {
    const { pid } = visit;
    const victim = target === 'trainer' ? pid : target === 'worker' ? this.#worker.pid : findServer(this.#home)?.pid;
    if (victim == null || !(await halted(pid))) return false;
    try {
      if (!this.atWork().includes(visit)) return false;
      send(victim, 'SIGKILL');
    } finally {
      send(pid, 'SIGCONT');
    }
    await isGone(victim);
    return true;
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    const { exitCode, signalCode } = this.#worker;
    if (exitCode === null && signalCode === null) {
      this.#worker.kill('SIGTERM');
      await once(this.#worker, 'exit');
    }
    await this.client.connection.close();
    await this.#keeper.stop();
    this.trace.close();
  }

  #startWorker(): ChildProcess {
    const log = openSync(path.join(this.#home, 'worker.log'), 'a');
    const worker = spawn(process.execPath, [nasProgram, 'worker', '--cpu', `${this.devices}`, '--allow-command'], {
      env: {
        ...process.env,
        TEMPORAL_ADDRESS: this.#keeper.address,
        NAS_RESULTS: this.results,
        [traceVariable]: this.trace.folder,
      },
      stdio: ['ignore', log, log],
    });
    worker.once('exit', (code) => {
      // It may end by itself too: begun while the server is down, it says so and ends.
      if (code !== null) this.#endedByThemselves++;
      if (this.#isOpen) this.#worker = this.#startWorker();
    });
    return worker;
  }
}

/** Where the results of a world lie: in its folder, or, where NAS_RESULTS names a bucket, below a name of their own there. */
export function resultsOf(folder: string): string {
  const all = resultsRoot();
  if (!isS3(all)) return path.join(folder, 'results');
  return rootBelow(all, `${path.basename(path.dirname(folder))}/${path.basename(folder)}`);
}

/** Halts a process with SIGSTOP and waits until it stands still; false where it is gone. */
async function halted(pid: number): Promise<boolean> {
  send(pid, 'SIGSTOP');
  for (;;) {
    const state = processState(pid)?.state;
    if (state === 'T') return true;
    if (state === undefined || state === 'Z') return false;
    await sleep(1);
  }
}

/** Sends a signal, if the process is still there. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}

/** Waits for the end of a process. */
async function isGone(pid: number): Promise<void> {
  for (;;) {
    const state = processState(pid)?.state;
    if (state === undefined || state === 'Z') return;
    await sleep(1);
  }
}
