import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { ImageListConfig, TrainingTransforms } from '../../../configs/dataset-schema.ts';
import type { FilePiece } from './decode.ts';
import { programFile } from '../../../runtime/layout.ts';

const loaderThread = programFile('nas/data/images/loader-thread.ts');

/** A job under way. */
interface Pending {
  readonly failed: FailedImage[];
  /** Threads that have not answered. */
  waiting: number;
  /** Leaves out what has not been begun. */
  readonly stop: () => void;
  readonly resolve: (failed: FailedImage[]) => void;
  readonly reject: (error: Error) => void;
}

const MOST_THREADS = 16;
/** Id of a thread that has ended. */
const GONE = -1;
const ENDED = 'image loader: expected its threads to go on, got the end of one';

/** `NAS_LOADER_THREADS`, or one fewer than there are cores, 16 at most. Changes how fast images come, never what they are. */
function loaderThreads(): number {
  const given = Number(process.env['NAS_LOADER_THREADS'] || NaN);
  return given >= 1 ? Math.floor(given) : Math.min(Math.max(availableParallelism() - 1, 1), MOST_THREADS);
}

/**
 * Threads that make images. They are started by the first job, end with the process, and hold it open only while a job
 * is under way.
 */
export class ImageLoader {
  readonly #settings: LoaderSettings;
  readonly #threads: number;
  readonly #pending = new Map<number, Pending>();
  #workers: Worker[] = [];
  #jobs = 0;

  constructor(settings: LoaderSettings, threads = loaderThreads()) {
    this.#settings = settings;
    this.#threads = threads;
  }

  /**
   * Makes all images of a job, which fill `job.images`; several jobs may be under way, and are done in turn.
   * @param signal leaves out what has not been begun
   * @returns the images that could not be made, in order
   * @throws what ended a thread
   */
  async load(job: Omit<LoaderJob, 'id' | 'next'>, signal?: AbortSignal): Promise<FailedImage[]> {
    if (job.files.length === 0 || signal?.aborted === true) return [];
    const workers = this.#started();
    const next = new SharedArrayBuffer(4);
    // To a thread that asks for the next image, this is the end of the job.
    const stop = (): void => void Atomics.store(new Int32Array(next), 0, job.files.length);
    signal?.addEventListener('abort', stop);
    const id = this.#jobs++;
    try {
      const failed = await new Promise<FailedImage[]>((resolve, reject) => {
        this.#pending.set(id, { failed: [], waiting: workers.length, stop, resolve, reject });
        for (const worker of workers) {
          worker.ref();
          // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
          worker.postMessage({ ...job, id, next } satisfies LoaderJob);
        }
      });
      return failed.toSorted((a, b) => a.index - b.index);
    } finally {
      signal?.removeEventListener('abort', stop);
      this.#settle(id);
    }
  }

  /** Ends the threads. Jobs under way fail. */
  async close(): Promise<void> {
    await this.#end(new Error(ENDED));
  }

  #started(): readonly Worker[] {
    if (this.#workers.length === 0) this.#workers = Array.from({ length: this.#threads }, () => this.#start());
    return this.#workers;
  }

  #start(): Worker {
    const worker = new Worker(loaderThread, { workerData: this.#settings });
    worker.on('message', ({ id, failed }: LoaderAnswer) => {
      const pending = this.#pending.get(id);
      if (!pending) return;
      pending.failed.push(...failed);
      if (--pending.waiting === 0) pending.resolve(pending.failed);
    });
    worker.on('error', (error) => this.#fail(worker, error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', () => this.#fail(worker, new Error(ENDED)));
    return worker;
  }

  /** Where one thread ends, all do; the next job starts new ones. */
  #fail(ended: Worker, error: Error): void {
    if (this.#workers.includes(ended)) void this.#end(error);
  }

  async #end(error: Error): Promise<void> {
    const alive = this.#workers.filter(({ threadId }) => threadId !== GONE);
    this.#workers = [];
    for (const { stop, reject } of this.#pending.values()) {
      stop();
      reject(error);
    }
    await Promise.all(alive.map(endOf));
  }

  #settle(id: number): void {
    this.#pending.delete(id);
    if (this.#pending.size === 0) for (const worker of this.#workers) worker.unref();
  }
}

/** Asks a thread to end. One that is terminated while it still loads native code takes the whole process with it. */
async function endOf(worker: Worker): Promise<void> {
  worker.ref();
  await new Promise((resolve) => {
    worker.once('exit', resolve);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
    worker.postMessage(null);
  });
}

// What the thread that wants images and those that make them say to each other.

/** What all images of a data set share; given to a thread when it starts. */
export interface LoaderSettings {
  readonly resolution: number;
  readonly normalise: ImageListConfig['normalise'];
  /** Side of the square that a test image is resized to. */
  readonly resize: number;
}

/** Images to make. Every thread is given the whole job, and takes the next image from it until none is left. */
export interface LoaderJob {
  readonly id: number;
  /** Absolute paths, or pieces of files. */
  readonly files: readonly (string | FilePiece)[];
  /** How they are augmented in training; null for test images. */
  readonly training: {
    readonly transforms: TrainingTransforms;
    readonly seed: number;
    readonly epoch: number;
    /** What, with seed and epoch, an image's augmentation is a pure function of. */
    readonly positions: Int32Array;
  } | null;
  /** float32 [files, resolution, resolution, 3] */
  readonly images: Float32Array<SharedArrayBuffer>;
  /** One int32: the image that is taken next. */
  readonly next: SharedArrayBuffer;
}

/** An image that could not be made. */
export interface FailedImage {
  readonly index: number;
  readonly reason: string;
  /** Whether its bytes are no image; otherwise its file could not be read, which says nothing about the image. */
  readonly isBroken: boolean;
}

/** A thread has found nothing left to do in a job. */
export interface LoaderAnswer {
  readonly id: number;
  readonly failed: readonly FailedImage[];
}
