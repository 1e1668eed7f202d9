import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { temporaryName } from './files.ts';

/** What a list needs of a stage; times in ms since 1970. */
export interface StageInShort {
  readonly isDone: boolean;
  readonly started: number | null;
  readonly ended: number | null;
  /** Of the chosen epoch. */
  readonly tau: number | null;
}

/** What is kept of a folder that was seen. */
export interface KeptFolder {
  /** When it had changed last before it was looked at, in ms since 1970; null where that was too short a time before. */
  readonly changed: number | null;
  /** Of all its files that have no other name. */
  readonly bytes: number;
  /** Inode and bytes of each that has other names, too. */
  readonly shared?: readonly (readonly [inode: number, bytes: number])[];
  readonly stage?: StageInShort;
  /** The folders in it, by name. */
  readonly below: Readonly<Record<string, KeptFolder>>;
}

/** What was seen in the runs of a results root, a file a run, in a cache: all of it may be deleted at any time. */
export class FolderKeeper {
  readonly #place: string;

  constructor(root: string, cache: string) {
    this.#place = path.join(cache, 'runs', createHash('sha256').update(path.resolve(root)).digest('hex'));
  }

  /** The runs of which something is kept. */
  runs(): string[] {
    try {
      return readdirSync(this.#place).map((name) => path.basename(name, '.json'));
    } catch {
      return [];
    }
  }

  read(run: string): KeptFolder | null {
    try {
      const kept: unknown = JSON.parse(readFileSync(this.#fileOf(run), 'utf8'));
      return isKept(kept) ? kept.folder : null;
    } catch {
      return null;
    }
  }

  /** Without waiting for the disk: a file that is not whole after a power cut is no JSON. */
  keep(run: string, folder: KeptFolder): void {
    const kept: Kept = { form: FORM, folder };
    const file = this.#fileOf(run);
    const written = temporaryName(file);
    try {
      mkdirSync(this.#place, { recursive: true });
      try {
        writeFileSync(written, JSON.stringify(kept));
        renameSync(written, file);
      } finally {
        rmSync(written, { force: true });
      }
    } catch {
      // Where nothing can be kept, everything is read again the next time.
    }
  }

  forget(run: string): void {
    rmSync(this.#fileOf(run), { force: true });
  }

  #fileOf(run: string): string {
    return path.join(this.#place, `${run}.json`);
  }
}

/** Counts the forms of what is kept: another release's is not read. */
const FORM = 1;
const OfThisForm = z.looseObject({ form: z.literal(FORM) });

interface Kept {
  readonly form: typeof FORM;
  readonly folder: KeptFolder;
}

// Its form alone: to check all of it takes longer than to look at the folders again.
function isKept(value: unknown): value is Kept {
  return OfThisForm.safeParse(value).success;
}
