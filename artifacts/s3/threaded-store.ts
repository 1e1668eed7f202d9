import { Worker } from 'node:worker_threads';
import { BadInput, KnownError } from '../../plan/endings.ts';
import type { Ending } from '../../plan/endings.ts';
import type { Leftover } from '../leftovers.ts';
import type { Manifest, ManifestContent } from '../manifest.ts';
import { programFile } from '../../runtime/layout.ts';
import type { FileReference } from '../references.ts';
import type { ArtifactStore, NewFile, StoredFile } from '../store.ts';
import { LocalFiles } from './local-files.ts';
import type { S3Store } from './s3-store.ts';

/** What the thread can be asked for. */
type Calls = Omit<ArtifactStore, 'root' | 'isFar'> & Pick<S3Store, 'keep'>;
type Method = keyof Calls;

/** A call of the store, on its way to the thread. */
export interface Call {
  readonly id: number;
  readonly method: Method;
  readonly given: readonly unknown[];
}

export type Answer = { readonly id: number } & (
  | { readonly value: unknown }
  | { readonly failed: { readonly ending: Ending; readonly message: string } }
);

/**
 * A store in a bucket for a process whose own thread is busy for seconds at a time, as TensorFlow's is: what is sent
 * goes on all the while in a thread beside it. New files are written by whoever makes them; that they are on disk, and sent,
 * the thread sees to.
 */
export class ThreadedStore implements ArtifactStore {
  readonly root: string;
  readonly isFar = true;
  readonly #local: LocalFiles;
  readonly #thread: Worker;
  readonly #keeping = new Map<StoredFile, Promise<void>>();
  readonly #pending = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #calls = 0;
  /** Why the thread is gone; null while it is there. */
  #gone: KnownError | null = null;

  constructor(root: string) {
    this.root = root;
    this.#local = new LocalFiles(root);
    this.#thread = new Worker(programFile('artifacts/s3/store-thread.ts'), { workerData: root });
    this.#thread.on('message', (answer: Answer) => this.#settle(answer));
    this.#thread.on('error', (error) => this.#fail(error));
    this.#thread.on('exit', () => this.#fail('the end of its thread'));
    this.#thread.unref();
  }

  async probe(): Promise<void> {
    await this.#call('probe');
  }

  async read(directory: string): Promise<Manifest | null> {
    return await this.#call('read', directory);
  }

  async swap(
    directory: string,
    seen: Manifest | null,
    next: ManifestContent,
    files: readonly StoredFile[] = [],
  ): Promise<Manifest | null> {
    await this.#kept(files);
    return await this.#call('swap', directory, seen, next, files);
  }

  async put(directory: string, file: NewFile): Promise<StoredFile> {
    if ('copyOf' in file || 'isInPlace' in file) return await this.#call('put', directory, file);
    const made = await this.#local.make(directory, file);
    this.#keep(made);
    return made;
  }

  // Until its bytes are on disk seconds may pass, for which nobody here has to wait.
  #keep(made: StoredFile): void {
    const keeping = this.#call('keep', made);
    this.#keeping.set(made, keeping);
    // One that failed stays, so that whoever needs the file hears of it.
    keeping.then(() => this.#keeping.delete(made)).catch(() => undefined);
  }

  /** Waits until files that were put can be read and sent. */
  async #kept(files: readonly FileReference[]): Promise<void> {
    const hashes = new Set(files.map(({ sha256 }) => sha256));
    const wanted = [...this.#keeping].filter(([{ sha256 }]) => hashes.has(sha256));
    await Promise.all(wanted.map(([, keeping]) => keeping));
  }

  async discard(files: readonly StoredFile[]): Promise<void> {
    // A training asks for this after each checkpoint, and the thread may be busy sending.
    if (files.length === 0) return;
    await this.#kept(files).catch(() => undefined);
    await this.#call('discard', files);
  }

  async complete(directory: string, manifest: Manifest): Promise<void> {
    await this.#call('complete', directory, manifest);
  }

  async sweep(directory: string): Promise<void> {
    await this.#call('sweep', directory);
  }

  async setAside(directory: string, manifest: Manifest): Promise<void> {
    await this.#call('setAside', directory, manifest);
  }

  async hashOf(file: FileReference): Promise<string | null> {
    await this.#kept([file]);
    return await this.#call('hashOf', file);
  }

  async has(file: FileReference): Promise<boolean> {
    return await this.#call('has', file);
  }

  async bytesOf(file: FileReference): Promise<number | null> {
    return await this.#call('bytesOf', file);
  }

  async fetch(file: FileReference): Promise<string> {
    await this.#kept([file]);
    return await this.#call('fetch', file);
  }

  async publish(file: FileReference, from: string): Promise<void> {
    await this.#call('publish', file, from);
  }

  async workFolder(directory: string): Promise<string> {
    return await this.#call('workFolder', directory);
  }

  async logs(directory: string): Promise<string[]> {
    return await this.#call('logs', directory);
  }

  async keepLogs(directory: string): Promise<void> {
    await this.#call('keepLogs', directory);
  }

  async stages(run?: string): Promise<string[]> {
    return await this.#call('stages', run);
  }

  async leftovers(): Promise<Leftover[]> {
    return await this.#call('leftovers');
  }

  async clear(leftovers: readonly Leftover[]): Promise<void> {
    await this.#call('clear', leftovers);
  }

  async remember(fingerprint: string, directory: string): Promise<void> {
    await this.#call('remember', fingerprint, directory);
  }

  async recall(fingerprints: readonly string[]): Promise<string[][]> {
    return await this.#call('recall', fingerprints);
  }

  #call<M extends Method>(method: M, ...given: Parameters<Calls[M]>): Promise<Awaited<ReturnType<Calls[M]>>> {
    if (this.#gone !== null) return Promise.reject(this.#gone);
    const id = ++this.#calls;
    // Its process must not end before the answer is there.
    this.#thread.ref();
    return new Promise((resolve, reject) => {
      // The thread has the same methods, so their results have these types.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
      this.#thread.postMessage({ id, method, given } satisfies Call);
    });
  }

  #settle(answer: Answer): void {
    const waiting = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (this.#pending.size === 0) this.#thread.unref();
    if ('value' in answer) waiting?.resolve(answer.value);
    else waiting?.reject(errorOf(answer.failed));
  }

  #fail(reason: unknown): void {
    this.#gone ??= new KnownError(
      'Crashed',
      `${this.root}: expected answers of the store's thread, got ${String(reason)}`,
    );
    for (const { reject } of this.#pending.values()) reject(this.#gone);
    this.#pending.clear();
  }
}

function errorOf({ ending, message }: { ending: Ending; message: string }): KnownError {
  return ending === 'BadInput' ? new BadInput(message) : new KnownError(ending, message);
}
