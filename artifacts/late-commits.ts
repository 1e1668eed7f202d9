import { setTimeout as sleep } from 'node:timers/promises';
import { endingOf, isTriedAgain } from '../plan/endings.ts';
import type { Manifest, ManifestContent } from './manifest.ts';
import type { StoredFile } from './store.ts';

/** A commit that is to be carried out. */
export interface LateCommit {
  readonly stored: readonly StoredFile[];
  readonly change: (manifest: Manifest) => ManifestContent;
}

/** A store that does not answer for so many tries in a row, some minutes in all, fails the stage. */
const TRIES = 10;
const LONGEST_WAIT_MS = 30_000;

/**
 * Commits of a process that goes on with its work meanwhile. One set is under way at a time; what comes in the meantime
 * waits, and is then carried out as one change, so that of several checkpoints only the newest are sent.
 */
export class LateCommits {
  readonly #carryOut: (commits: readonly LateCommit[]) => Promise<void>;
  #waiting: LateCommit[] = [];
  #underWay: readonly LateCommit[] = [];
  #running: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  constructor(carryOut: (commits: readonly LateCommit[]) => Promise<void>) {
    this.#carryOut = carryOut;
  }

  get waiting(): readonly LateCommit[] {
    return this.#waiting;
  }

  /** Bytes that are not known to have arrived. */
  get bytesLeft(): number {
    const commits = [...this.#underWay, ...this.#waiting];
    return commits.flatMap(({ stored }) => stored).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** @throws whatever stopped an earlier commit for good */
  add(commit: LateCommit): void {
    if (this.#failure !== null) throw this.#failure.error;
    this.#waiting.push(commit);
    this.#running ??= this.#run();
  }

  /** Waits until nothing waits any more. @throws whatever stopped a commit for good */
  async flush(): Promise<void> {
    await this.#running;
    if (this.#failure !== null) throw this.#failure.error;
  }

  async #run(): Promise<void> {
    let failed = 0;
    while (this.#waiting.length > 0 && this.#failure === null) {
      [this.#underWay, this.#waiting] = [this.#waiting, []];
      try {
        await this.#carryOut(this.#underWay);
        failed = 0;
      } catch (error) {
        this.#waiting = [...this.#underWay, ...this.#waiting];
        failed++;
        if (!isTriedAgain(endingOf(error)) || failed === TRIES) {
          this.#failure = { error };
          break;
        }
        console.warn(`${String(error)} (try ${failed} of ${TRIES})`);
        await sleep(Math.min(500 * 2 ** failed, LONGEST_WAIT_MS));
      }
      this.#underWay = [];
    }
    this.#running = null;
  }
}
