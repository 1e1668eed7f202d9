import path from 'node:path';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { isAlive, processState } from '../../runtime/processes.ts';

// `nas verify-resume` kills work in phases of its choice. So work writes down each phase that it enters, and does not
// leave one while a kill in it is pending: on a busy machine the kill would come too late.

/** The variable that names the folder of the trace. Nobody but `nas verify-resume` sets it; without it nothing happens here. */
export const traceVariable = 'NAS_TRACE';

export const traceFiles = { entered: 'entered.jsonl', kills: 'kills.json' } as const;

/** A line of `entered.jsonl`: a process enters another phase of its stage; null: it has ended. */
export const Entered = z.strictObject({
  pid: z.int(),
  /** Milliseconds since 1970. */
  at: z.number(),
  directory: z.string(),
  /** Of several processes at one stage. */
  rank: z.int(),
  phase: z.string().nullable(),
});
export type Entered = z.infer<typeof Entered>;

/** `kills.json`: the kills that are pending, and the process that makes them; when that is gone, nobody waits for it. */
const PendingKills = z.strictObject({
  by: z.strictObject({ pid: z.int(), started: z.string() }),
  kills: z.array(
    z.strictObject({
      directory: z.string(),
      phase: z.string(),
      /** From the time on that the stage enters the phase for that time, 1 being the first; all its processes count. */
      visit: z.int(),
    }),
  ),
});

/** The text of `kills.json` for kills that this process makes. */
export function pendingKills(kills: z.infer<typeof PendingKills>['kills']): string {
  const by = { pid: process.pid, started: processState(process.pid)?.started ?? '' };
  return JSON.stringify({ by, kills } satisfies z.infer<typeof PendingKills>);
}

const LOOK_EVERY_MS = 2;

/** The phases of one stage in one process. */
export class PhaseTrace {
  readonly #folder = process.env[traceVariable];
  readonly #directory: string;
  readonly #rank: number;
  #phase: string | null = null;

  /**
   * @param directory of the stage, relative to the results root
   * @param rank of this process, where several are at it
   */
  constructor(directory: string, rank = 0) {
    this.#directory = directory;
    this.#rank = rank;
  }

  /** Goes over to a phase, or to none, once no kill is pending in the one before. Blocks the thread while it waits. */
  enter(phase: string | null): void {
    if (this.#folder === undefined || phase === this.#phase) return;
    while (this.#isKillPending(this.#folder))
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_EVERY_MS);
    this.#phase = phase;
    const place = { directory: this.#directory, rank: this.#rank, phase };
    const entered: Entered = { pid: process.pid, at: Date.now(), ...place };
    appendFileSync(path.join(this.#folder, traceFiles.entered), `${JSON.stringify(entered)}\n`);
  }

  #isKillPending(folder: string): boolean {
    const file = path.join(folder, traceFiles.kills);
    if (this.#phase === null || !existsSync(file)) return false;
    const { by, kills } = PendingKills.parse(JSON.parse(readFileSync(file, 'utf8')));
    const here = kills.filter(({ directory, phase }) => directory === this.#directory && phase === this.#phase);
    if (here.length === 0 || !isAlive(by.pid, by.started)) return false;
    const visits = this.#visits(folder);
    return here.some(({ visit }) => visit <= visits);
  }

  #visits(folder: string): number {
    const lines = readFileSync(path.join(folder, traceFiles.entered), 'utf8').trimEnd().split('\n');
    const all = lines.map((line) => Entered.parse(JSON.parse(line)));
    return all.filter(({ directory, phase }) => directory === this.#directory && phase === this.#phase).length;
  }
}

/** What a process at work on a stage calls itself: `ps`, `top` and `nvidia-smi` show `nas training my-run/one-shot`. */
export function titleOf(phase: string, directory: string): string {
  return `nas ${phase} ${directory}`;
}
