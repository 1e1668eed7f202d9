import path from 'node:path';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { identityOf, livenessOf, ProcessIdentity } from '../../runtime/process-identity.ts';

// What work under way tells `nas verify-resume`, which kills it in a phase of its choice: each phase it enters. It does
// not leave a phase in which it is still to be killed, so no busy machine lets it slip through.

/** The variable that names the folder of the trace. Nobody but `nas verify-resume` sets it; without it nothing happens here. */
export const traceVariable = 'NAS_TRACE';

export const traceFiles = { entered: 'entered.jsonl', meant: 'meant.json' } as const;

/** A line of `entered.jsonl`: a process goes over to another phase of its stage; null: it is at the end. */
export const Entered = z.strictObject({
  pid: z.int(),
  /** Milliseconds since 1970. */
  at: z.number(),
  directory: z.string(),
  phase: z.string().nullable(),
});
export type Entered = z.infer<typeof Entered>;

/** `meant.json`: where a kill is still to be made. Nobody waits for one who is dead. */
const Meant = z.strictObject({
  by: ProcessIdentity,
  moments: z.array(
    z.strictObject({
      directory: z.string(),
      phase: z.string(),
      /** From the time on that the stage enters the phase for that time, 1 being the first; all its processes count. */
      visit: z.int(),
    }),
  ),
});

/** `meant.json` as this process means it. */
export function meant(moments: z.infer<typeof Meant>['moments']): string {
  return JSON.stringify({ by: identityOf(), moments } satisfies z.infer<typeof Meant>);
}

const LOOK_EVERY_MS = 2;

/** The phases of one stage in one process. */
export class PhaseTrace {
  readonly #folder = process.env[traceVariable];
  readonly #directory: string;
  #phase: string | null = null;

  /** @param directory of the stage, relative to the results root */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Goes over to a phase, or to none, once nobody means to kill in the one before. Blocks: to wait is to stand still. */
  enter(phase: string | null): void {
    if (this.#folder === undefined || phase === this.#phase) return;
    while (this.#isMeant(this.#folder)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOOK_EVERY_MS);
    this.#phase = phase;
    const entered: Entered = { pid: process.pid, at: Date.now(), directory: this.#directory, phase };
    appendFileSync(path.join(this.#folder, traceFiles.entered), `${JSON.stringify(entered)}\n`);
  }

  #isMeant(folder: string): boolean {
    const file = path.join(folder, traceFiles.meant);
    if (this.#phase === null || !existsSync(file)) return false;
    const { by, moments } = Meant.parse(JSON.parse(readFileSync(file, 'utf8')));
    const here = moments.filter(({ directory, phase }) => directory === this.#directory && phase === this.#phase);
    if (here.length === 0 || livenessOf(by) === 'dead') return false;
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
