import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { KnownError } from '../../plan/endings.ts';
import { programFile } from '../../runtime/layout.ts';

/** So many bytes from the start of the file are written by now. */
export interface Grown {
  readonly bytes: number;
  readonly isAll: boolean;
}

/**
 * The sha256 of a file that is being written, computed by a thread of its own from what has arrived in the file: whoever
 * receives it has a whole core for that. What is compared is what can be read back, not what came over the network.
 */
export class HashBeside {
  readonly #file: string;
  readonly #thread: Worker;
  readonly #answer: Promise<unknown[]>;

  constructor(file: string) {
    this.#file = file;
    this.#thread = new Worker(programFile('artifacts/s3/hash-thread.ts'), { workerData: file });
    this.#answer = once(this.#thread, 'message');
    // Nobody may ask for it: the transfer can fail first.
    this.#answer.catch(() => undefined);
  }

  /** @param bytes that the file has by now, written */
  grown(bytes: number): void {
    this.#tell({ bytes, isAll: false });
  }

  /** The sha256 of all of the file, as hex. */
  async digest(bytes: number): Promise<string> {
    this.#tell({ bytes, isAll: true });
    const [sha256] = await this.#answer.catch((cause: unknown) => {
      throw new KnownError('Crashed', `${this.#file}: expected its sha256, got ${String(cause)}`, { cause });
    });
    return String(sha256);
  }

  async end(): Promise<void> {
    await this.#thread.terminate();
  }

  #tell(grown: Grown): void {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
    this.#thread.postMessage(grown);
  }
}
