import type { Leftover } from './leftovers.ts';
import type { Manifest, ManifestContent } from './manifest.ts';
import type { FileReference } from './references.ts';

/** A file that is to become part of a stage's results; `file` is its place below the results root. */
export type NewFile = { readonly file: string } & (
  | { readonly content: string | Uint8Array }
  /** Writes it whole at the path it is given, and may say its hash if it knows that already. */
  | { readonly write: (path: string) => unknown }
  /** The same bytes as another result has. */
  | { readonly copyOf: FileReference }
  /** A program has written it at its place already. */
  | { readonly isInPlace: true }
);

/** A file whose bytes are in the store, durably; it counts from the moment that a manifest names it. */
export interface StoredFile extends FileReference {
  readonly bytes: number;
  /** Where the bytes wait for that, as the store knows it; null where they are in place. */
  readonly waitsAt: string | null;
}

/**
 * Where results lie. A stage is named by its directory (`<run>/<stage>`) and has one manifest, which alone says what its
 * results are. A manifest is changed by reading it and swapping it for another: of many writers who have read the same
 * one, on any number of machines, one succeeds, and the others read again. There are no locks, so nobody waits for the
 * dead. Every method may be repeated after it failed. Test: test/process/store.test.ts, for each implementation.
 */
export interface ArtifactStore {
  /** How jobs and errors name the store. */
  readonly root: string;
  /**
   * Whether files take long to come and go, since they lie elsewhere. Then a process that has better to do commits while
   * it goes on with its work, and of finished work it counts that its files are there: their bytes were compared with their
   * hashes when they went, and are again when they come.
   */
  readonly isFar: boolean;

  /** @throws BadInput, with what to do, for a place that cannot keep these promises */
  probe(): Promise<void>;

  /** The newest manifest of a stage; null where there is none. @throws ManifestError */
  read(directory: string): Promise<Manifest | null>;

  /**
   * Makes `next` the stage's newest manifest if `seen` (null: none) still is that; then gives `files` their names and
   * takes the files away that `seen` named and `next` does not. Null where somebody else was faster: nothing has changed.
   */
  swap(
    directory: string,
    seen: Manifest | null,
    next: ManifestContent,
    files?: readonly StoredFile[],
  ): Promise<Manifest | null>;

  /** Takes a file's bytes in, on this machine, for a coming swap of the stage's manifest. */
  put(directory: string, file: NewFile): Promise<StoredFile>;

  /** Drops files that will not be named after all. */
  discard(files: readonly StoredFile[]): Promise<void>;

  /** Does what a writer left undone that was killed after its swap: every file that the manifest names gets its name. */
  complete(directory: string, manifest: Manifest): Promise<void>;

  /** Drops what overtaken attempts have put and never named. Only for the attempt that holds the stage. */
  sweep(directory: string): Promise<void>;

  /** Moves all that the stage has made aside, where people still find it. Only for the attempt that holds the stage. */
  setAside(directory: string, manifest: Manifest): Promise<void>;

  /** The sha256 of a file as it is now; null where there is none. @throws FileFault where it cannot be read just now */
  hashOf(file: FileReference, signal?: AbortSignal): Promise<string | null>;

  /** Whether there is a file, whatever its bytes. */
  has(file: FileReference): Promise<boolean>;

  /** The size of a file; null where there is none. */
  bytesOf(file: FileReference): Promise<number | null>;

  /**
   * The path on this machine of a file of the store with the bytes it is named for.
   * @throws BadInput where there is none, or one with other bytes; FileFault where it cannot be read just now
   */
  fetch(file: FileReference): Promise<string>;

  /** Puts a file of this machine outside of all runs, where other tools find it by its name. No manifest names it. */
  publish(file: FileReference, from: string): Promise<void>;

  /**
   * The folder on this machine where an attempt at the stage works; programs may write what they like there. Below its
   * root, which `workRoot` names, files of other stages have the places that their names say, once they are fetched there.
   */
  workFolder(directory: string): Promise<string>;

  /**
   * The paths on this machine of the logs of the stage's processes, those that there are, with what attempts elsewhere have
   * written, to be added to. They lie in the folder that `workFolder` names.
   */
  logs(directory: string): Promise<string[]>;

  /** Keeps what the logs say by now where every machine finds it. */
  keepLogs(directory: string): Promise<void>;

  /** The directories of all stages that have a manifest, of one run or of all, sorted. */
  stages(run?: string): Promise<string[]>;

  /** What lies in the store and no result rests on. */
  leftovers(): Promise<Leftover[]>;

  /** Removes leftovers, but for those that are on their way to being named by now. */
  clear(leftovers: readonly Leftover[]): Promise<void>;

  /** Remembers that a finished stage has that fingerprint. */
  remember(fingerprint: string, directory: string): Promise<void>;

  /** Of each fingerprint the directories of finished stages that have it; some may be gone or changed since. */
  recall(fingerprints: readonly string[]): Promise<string[][]>;
}

/** `files` belong to the result; `extras` are for people and their tools, and no part of it. */
export type ListedAs = 'files' | 'extras';

/** What work that the worker does itself may do with files: read results that are what they were, put its own texts all at once. */
export interface StageFiles {
  /** How the store is named. */
  readonly root: string;
  /** The stage's folder, relative to the results root. */
  readonly directory: string;
  /** Puts texts into the stage's folder, by their names there, in one commit under the attempt's token. */
  put(texts: Readonly<Record<string, string>>, as?: ListedAs): Promise<Readonly<Record<string, FileReference>>>;
}
