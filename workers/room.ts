import { statfsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { nearest } from '../runtime/layout.ts';
import { machineMemory } from '../runtime/processes.ts';

/** What must be free on a worker's machine before it asks for more work. */
export interface Least {
  /** Bytes. */
  readonly memory: number;
  readonly disk: number;
}

/** For small pipelines; those of large ones say more. */
export const usualLeast: Least = { memory: 0.25e9, disk: 1e9 };

const LOOK_EVERY_MS = 5000;

/** The room that a worker has for work: what it has begun goes on, but more is not asked for while there is none. */
export class Room {
  readonly #folder: string;
  readonly #least: Least;
  readonly #say: (line: string) => void;
  #told: string | null = null;

  /**
   * @param folder what results are written to here
   * @param say told when there is no room any more, and when there is again
   */
  constructor(folder: string, least: Least, say: (line: string) => void) {
    this.#folder = folder;
    this.#least = least;
    this.#say = say;
  }

  /** Bytes free; null where the system does not say. */
  get free(): { readonly memory: number | null; readonly disk: number | null } {
    return { memory: machineMemory()?.available ?? null, disk: freeDisk(this.#folder) };
  }

  /** Why no work is asked for, in words; null where it is. */
  shortage(): string | null {
    const { memory, disk } = this.free;
    const short = [
      ...(memory !== null && memory < this.#least.memory ? [lack('of memory', this.#least.memory, memory)] : []),
      ...(disk !== null && disk < this.#least.disk ? [lack(`of disk at ${this.#folder}`, this.#least.disk, disk)] : []),
    ];
    const found = short.length === 0 ? null : short.join(', ');
    if (found !== null && this.#told === null) this.#say(`this worker takes no more work: ${found}; make room`);
    if (found === null && this.#told !== null) this.#say('this worker takes work again');
    this.#told = found;
    return found;
  }

  /** Waits until there is room. Rejects with the signal's reason. */
  async wait(signal: AbortSignal): Promise<void> {
    while (this.shortage() !== null) await sleep(LOOK_EVERY_MS, undefined, { signal });
    signal.throwIfAborted();
  }
}

function lack(what: string, least: number, free: number): string {
  return `expected ${(least / 1e9).toPrecision(2)} GB ${what} to be free, got ${(free / 1e9).toPrecision(2)}`;
}

function freeDisk(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(nearest(folder));
    return bavail * bsize;
  } catch {
    return null;
  }
}
