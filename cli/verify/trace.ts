import path from 'node:path';
import { closeSync, openSync, readSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { atomicWrite } from '../../artifacts/files.ts';
import type { PlannedKill, Stay } from './kills.ts';
import { Entered, pendingKills, traceFiles } from '../../nas/process/phase-trace.ts';

/** A time that a stage, or a cell of one, is in a phase. */
export interface Visit {
  readonly directory: string;
  readonly phase: string;
  /** Of the process that does the work: a trainer, or the worker itself. */
  readonly pid: number;
  /** Of several processes at the piece. */
  readonly rank: number;
  /** How often the piece has entered the phase, in whatever process. */
  readonly visit: number;
  /** When, in milliseconds since 1970. */
  readonly since: number;
}

const CHUNK = Buffer.alloc(65_536);

/** Reads what all work of a run has written of its phases, and tells it where it has to stay. */
export class Trace {
  readonly folder: string;
  readonly #file: number;
  #rest = '';
  /** The visits that are not over, as far as their processes live, by pid and directory. */
  readonly #open = new Map<string, Visit>();
  readonly #stays = new Map<string, Map<string, Stay>>();

  private constructor(folder: string) {
    this.folder = folder;
    this.#file = openSync(path.join(folder, traceFiles.entered), 'a+');
  }

  static async open(folder: string): Promise<Trace> {
    await mkdir(folder, { recursive: true });
    return new Trace(folder);
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Where work stands just now. Processes that were killed are still among it. */
  atWork(): readonly Visit[] {
    this.#read();
    return [...this.#open.values()];
  }

  /** How often and how long a piece has been in each phase. */
  staysIn(directory: string): Record<string, Stay> {
    this.#read();
    return Object.fromEntries(this.#stays.get(directory) ?? []);
  }

  /** From now on, work does not leave a phase while one of these kills is to be made in it. */
  async hold(kills: readonly PlannedKill[]): Promise<void> {
    const pending = kills.map(({ piece, phase, visit }) => ({ directory: piece, phase, visit }));
    await atomicWrite(path.join(this.folder, traceFiles.kills), pendingKills(pending));
  }

  #read(): void {
    for (;;) {
      const bytes = readSync(this.#file, CHUNK);
      if (bytes === 0) return;
      const lines = (this.#rest + CHUNK.toString('utf8', 0, bytes)).split('\n');
      this.#rest = lines.pop() ?? '';
      for (const line of lines) this.#take(Entered.parse(JSON.parse(line)));
    }
  }

  #take({ pid, directory, rank, phase, at }: Entered): void {
    const key = `${pid} ${directory}`;
    const before = this.#open.get(key);
    if (before !== undefined) this.#add(directory, before.phase, { visits: 0, seconds: (at - before.since) / 1000 });
    this.#open.delete(key);
    if (phase === null) return;
    const { visits: visit } = this.#add(directory, phase, { visits: 1, seconds: 0 });
    this.#open.set(key, { directory, phase, pid, rank, visit, since: at });
  }

  #add(directory: string, phase: string, { visits, seconds }: Stay): Stay {
    const stays = this.#stays.get(directory) ?? new Map<string, Stay>();
    const before = stays.get(phase) ?? { visits: 0, seconds: 0 };
    const stay = { visits: before.visits + visits, seconds: before.seconds + seconds };
    this.#stays.set(directory, stays.set(phase, stay));
    return stay;
  }
}
