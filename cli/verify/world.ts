import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { livenessOf, ProcessIdentity } from '../../artifacts/process-identity.ts';
import { root } from '../../runtime/layout.ts';
import { keepServer } from '../../runtime/temporal-server.ts';
import type { ServerKeeper } from '../../runtime/temporal-server.ts';
import { connectClient } from '../../workers/client.ts';
import { embeddedServer } from '../../workers/connection.ts';
import type { Target } from './kills.ts';
import { childrenOf, halted, isGone, send, titleOfProcess } from './processes.ts';

const ServerState = z.object({ server: ProcessIdentity });
/** A trainer takes a second to load before there is anything to hit. */
const FIND_EVERY_MS = 50;
const MOST_ENDS = 20;

/** A server, a worker and a results folder of their own, whose processes are there to be killed: whatever dies comes up again. */
export class World {
  readonly results: string;
  readonly client: Client;
  readonly #home: string;
  readonly #keeper: ServerKeeper;
  #worker: ChildProcess;
  #isOpen = true;
  #endedByThemselves = 0;
  #children: { at: number; readonly pids: readonly number[] } = { at: 0, pids: [] };

  private constructor(folder: string, keeper: ServerKeeper, client: Client) {
    this.#home = path.join(folder, 'home');
    this.results = path.join(folder, 'results');
    this.#keeper = keeper;
    this.client = client;
    this.#worker = this.#startWorker();
  }

  /** @param folder everything is kept below it */
  static async open(folder: string): Promise<World> {
    await mkdir(path.join(folder, 'results'), { recursive: true });
    const keeper = await keepServer(path.join(folder, 'home'));
    return new World(folder, keeper, await connectClient(embeddedServer(keeper.address)));
  }

  /** Whether workers end over and over without having been killed; their last words are in the log. */
  get brokenLog(): string | null {
    return this.#endedByThemselves < MOST_ENDS ? null : path.join(this.#home, 'worker.log');
  }

  /** Pid of the worker. */
  get worker(): number {
    return this.#worker.pid ?? 0;
  }

  /** The processes that work on a stage, as their titles tell. */
  trainers(): { readonly pid: number; readonly phase: string; readonly directory: string }[] {
    const now = performance.now();
    if (now > this.#children.at + FIND_EVERY_MS) this.#children = { at: now, pids: childrenOf(this.worker) };
    return this.#children.pids.flatMap((pid) => {
      const title = titleOfProcess(pid);
      return title === null ? [] : [{ pid, ...title }];
    });
  }

  /**
   * Kills a process with SIGKILL while `pid` works; false where there is none to be killed just now, or where the moment
   * has passed: `pid` is halted before `isStill` is asked, and goes on if it was not meant.
   */
  async kill(target: Target, pid: number, isStill: () => Promise<boolean>): Promise<boolean> {
    const victim = target === 'trainer' ? pid : target === 'worker' ? this.worker : await this.#server();
    if (victim === null || !(await halted(pid))) return false;
    try {
      if (!(await isStill())) return false;
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
  }

  async #server(): Promise<number | null> {
    const { server } = ServerState.parse(JSON.parse(await readFile(path.join(this.#home, 'server.json'), 'utf8')));
    return livenessOf(server) === 'alive' ? server.pid : null;
  }

  #startWorker(): ChildProcess {
    const log = openSync(path.join(this.#home, 'worker.log'), 'a');
    const worker = spawn(process.execPath, [path.join(root, 'cli/nas.mjs'), 'worker'], {
      env: { ...process.env, TEMPORAL_ADDRESS: this.#keeper.address, NAS_RESULTS: this.results },
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
