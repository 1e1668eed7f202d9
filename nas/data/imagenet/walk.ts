import path from 'node:path';
import { readdir, realpath, stat } from 'node:fs/promises';
import type { Dirent, Stats } from 'node:fs';
import { BadInput, FileFault, isErrno } from '../../../plan/endings.ts';

/** Files and folders that are left out for one reason. */
export interface LeftOut {
  readonly reason: string;
  readonly count: number;
  /** The first of them, relative to the root. */
  readonly examples: readonly string[];
}

/** What is in a folder, by name. */
export interface Listing {
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

const IMAGE_NAME = /\.(jpe?g|jpe|jfif|png|webp|gif|tiff?|avif)$/i;

/** Whether a file is taken for an image, by its name. */
export function isImageName(name: string): boolean {
  return IMAGE_NAME.test(name);
}

/** Of storage systems, archives and desktops; what begins with a dot is hidden too. */
const SYSTEM_NAMES = new Set([
  '@eaDir',
  '__MACOSX',
  '#recycle',
  '#snapshot',
  '$RECYCLE.BIN',
  'System Volume Information',
  'lost+found',
  'Thumbs.db',
  'desktop.ini',
]);

const EXAMPLES = 3;

/** Goes through the folders of a data set, follows links, and remembers what it leaves out. Paths are relative to the root, with `/`. */
export class Walk {
  readonly #root: string;
  readonly #labels: string | null;
  readonly #leftOut = new Map<string, string[]>();
  /** Names that cannot stand in a list. */
  readonly problems: string[] = [];
  /** Whether a link was followed: one file may have been met under two names then. */
  metLinks = false;

  /** @param labels a file of labels, which is nothing that is left out */
  constructor(root: string, labels: string | null) {
    this.#root = root;
    this.#labels = labels;
  }

  /** What is in a folder, sorted, but for what is hidden. Throws BadInput where there is no such folder. */
  async list(folder: string): Promise<Listing> {
    const [folders, files]: [string[], string[]] = [[], []];
    for (const entry of await this.#entries(folder)) {
      const place = `${folder}/${entry.name}`;
      const kind = isHidden(entry.name) ? 'hidden' : await this.#kindOf(place, entry);
      if (kind === 'hidden') this.leave(place, 'hidden, or of the system');
      else if (kind === null) this.leave(place, 'links that lead nowhere');
      else if (kind.isDirectory()) folders.push(entry.name);
      else if (kind.isFile()) files.push(entry.name);
      else this.leave(place, 'neither file nor folder');
    }
    for (const name of [...folders, ...files]) this.#checkName(`${folder}/${name}`);
    return { folders: folders.toSorted(), files: files.toSorted() };
  }

  /** The image files in a folder and below it, sorted. */
  async images(folder: string): Promise<string[]> {
    const above = folder.split('/').map((_, at, names) => names.slice(0, at + 1).join('/'));
    const around = await Promise.all(['.', ...above].map(async (one) => await this.realPath(one)));
    return (await this.#imagesBelow(folder, around)).toSorted();
  }

  // `around` are the folders that it lies in: a link to one of them would lead round and round.
  async #imagesBelow(folder: string, around: readonly string[]): Promise<string[]> {
    const { folders, files } = await this.list(folder);
    const found: string[][] = [[]];
    for (const file of files) {
      if (isImageName(file)) found[0]!.push(`${folder}/${file}`);
      else this.leaveFile(`${folder}/${file}`);
    }
    for (const name of folders) {
      const inner = `${folder}/${name}`;
      const real = await this.realPath(inner);
      if (around.includes(real)) this.leave(inner, 'links that lead back to a folder around them');
      else found.push(await this.#imagesBelow(inner, [...around, real]));
    }
    return found.flat();
  }

  /** Notes a file that is no image, or lies where none should be. */
  leaveFile(file: string): void {
    if (path.join(this.#root, file) === this.#labels) return;
    if (isImageName(file)) this.leave(file, 'images outside of the folders of classes');
    else this.leave(file, `not read: ${path.extname(file).toLowerCase() || 'files without an ending'}`);
  }

  leave(place: string, reason: string): void {
    const others = this.#leftOut.get(reason);
    if (others) others.push(place);
    else this.#leftOut.set(reason, [place]);
  }

  /** All that was left out, the most first. */
  leftOut(): LeftOut[] {
    const all = [...this.#leftOut].map(([reason, places]) => {
      return { reason, count: places.length, examples: places.slice(0, EXAMPLES) };
    });
    return all.toSorted((a, b) => b.count - a.count);
  }

  /** Absolute, every link on the way followed. */
  async realPath(place: string): Promise<string> {
    return await orFault(path.join(this.#root, place), async (absolute) => await realpath(absolute));
  }

  async #entries(folder: string): Promise<Dirent[]> {
    const place = path.join(this.#root, folder);
    try {
      return await readdir(place, { withFileTypes: true });
    } catch (cause) {
      if (!isErrno(cause, 'ENOENT') && !isErrno(cause, 'ENOTDIR')) throw new FileFault(place, cause);
      throw new BadInput(
        `${place}: expected a folder, got none; give the folder that has train/ and val/ with --root`,
        { cause },
      );
    }
  }

  /** Of a link, what it leads to; null where that is not there. */
  async #kindOf(place: string, entry: Dirent): Promise<Dirent | Stats | null> {
    if (!entry.isSymbolicLink()) return entry;
    this.metLinks = true;
    return await orFault(path.join(this.#root, place), async (link) => {
      try {
        return await stat(link);
      } catch (error) {
        if (isErrno(error, 'ENOENT') || isErrno(error, 'ELOOP')) return null;
        throw error;
      }
    });
  }

  #checkName(place: string): void {
    // What is no UTF-8 comes with this character in its place.
    const got = /[\r\n]/.test(place)
      ? 'one with a line break'
      : place.includes('\uFFFD')
        ? 'one that is no UTF-8'
        : null;
    if (got !== null) {
      this.problems.push(
        `${JSON.stringify(place)}: expected a name that fits into a line of a list, got ${got}; rename it`,
      );
    }
  }
}

function isHidden(name: string): boolean {
  return name.startsWith('.') || SYSTEM_NAMES.has(name);
}

async function orFault<Result>(place: string, work: (place: string) => Promise<Result>): Promise<Result> {
  try {
    return await work(place);
  } catch (cause) {
    throw new FileFault(place, cause);
  }
}
