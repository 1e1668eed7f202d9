import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import { z } from 'zod';
import { fileNames } from '../../artifacts/paths.ts';
import { root } from '../../runtime/layout.ts';
import { keepServer } from '../../runtime/temporal-server.ts';
import type { ServerKeeper } from '../../runtime/temporal-server.ts';
import { connectClient } from '../../workers/client.ts';
import { embeddedServer } from '../../workers/connection.ts';
import type { Target } from './kills.ts';

const ServerState = z.object({ server: z.object({ pid: z.int() }) });

/** A server, a worker and a results folder of their own, whose processes are there to be killed: whatever dies comes up again. */
export class World {
  readonly results: string;
  readonly client: Client;
  readonly #home: string;
  readonly #keeper: ServerKeeper;
  #worker: ChildProcess;
  #isOpen = true;

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

  /** Kills a process with SIGKILL; says which it was, for without a trainer at work the worker dies. */
  async kill(target: Target): Promise<Target> {
    if (target === 'server') {
      const state = ServerState.parse(JSON.parse(await readFile(path.join(this.#home, 'server.json'), 'utf8')));
      process.kill(state.server.pid, 'SIGKILL');
      return target;
    }
    const trainers = target === 'trainer' ? trainersOf(this.#worker.pid ?? 0) : [];
    for (const pid of trainers.slice(0, 1)) process.kill(pid, 'SIGKILL');
    if (trainers.length > 0) return target;
    this.#worker.kill('SIGKILL');
    return 'worker';
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

  #startWorker(): ChildProcess {
    const log = openSync(path.join(this.#home, 'worker.log'), 'a');
    const worker = spawn(process.execPath, [path.join(root, 'cli/nas.mjs'), 'worker'], {
      env: { ...process.env, TEMPORAL_ADDRESS: this.#keeper.address, NAS_RESULTS: this.results },
      stdio: ['ignore', log, log],
    });
    worker.once('exit', () => {
      if (this.#isOpen) this.#worker = this.#startWorker();
    });
    return worker;
  }
}

// The processes that a worker has started on a job. Linux tells a process's parent as the second field after its name,
// which stands in parentheses.
function trainersOf(worker: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
        return parent === worker && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`/${fileNames.job}`);
      } catch {
        return false;
      }
    });
}
