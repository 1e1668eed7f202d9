import { BadInput } from '../plan/endings.ts';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs';
import { z } from 'zod';
import { projectRoots } from '../artifacts/paths.ts';
import { DatasetConfig } from '../configs/dataset-schema.ts';
import type { ImageListConfig } from '../configs/dataset-schema.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import { checkLists, pinLists } from '../nas/data/lists.ts';
import type { Space } from '../nas/space/space.ts';
import { parseSubnetList, SubnetListError } from '../nas/space/subnet-list.ts';
import type { ListedSubnet } from '../nas/space/subnet-list.ts';
import { checkNumbers, readSafetensorsHeader } from '../nas/weights/safetensors.ts';
import { checkSupernet, groupsIn, isParameter } from '../nas/weights/supernet-file.ts';
import { issueProblems } from './issues.ts';
import { nearest, problem } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import { readYaml } from './yaml.ts';
import type { Source } from './yaml.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/** Names in `with` that stand for something in the project: spaces, data sets, lists of subnets. Frozen at load. */

const FOLDERS = {
  space: { folder: 'configs/spaces', schema: SpaceConfig },
  dataset: { folder: 'configs/datasets', schema: DatasetConfig },
} as const;

/** A value, or why there is none. */
export type Found<T> = { readonly value: T } | { readonly problems: readonly Problem[] };

/** The project as one load sees it: every file is read once. */
export class Project {
  /** Folders that files are looked for in: the first one that has a file wins. */
  readonly roots: readonly string[];
  readonly #files = new Map<string, ProjectFile | FileError>();
  readonly #lists = new Map<string, ListedSubnet[] | string>();
  readonly #datasets = new Map<string, ImageListConfig | BadInput>();

  constructor(roots: readonly string[] = projectRoots) {
    this.roots = roots;
  }

  /** The text and hash of a file. `place` and `at` say who asks. */
  file(name: string, place: Place, at: Path): Found<ProjectFile> {
    const found = this.#files.get(name) ?? this.#read(name);
    this.#files.set(name, found);
    return found instanceof FileError ? { problems: [problem(place, at, found.message)] } : { value: found };
  }

  /** A YAML file. */
  yaml(name: string, place: Place, at: Path): Found<Source> {
    const found = this.file(name, place, at);
    if ('problems' in found) return found;
    const { source, problems } = readYaml(name, found.value.text);
    return source ? { value: source } : { problems };
  }

  /** The space or data set of that name, checked. */
  named(what: keyof typeof FOLDERS, name: string, place: Place, at: Path): Found<Json> {
    const { folder, schema } = FOLDERS[what];
    const names = namesIn(this.roots, folder);
    if (!names.includes(name)) {
      return {
        problems: [
          problem(place, at, `expected a name of ${folder}, got ${JSON.stringify(name)}${nearest(name, names)}`),
        ],
      };
    }
    const found = this.yaml(`${folder}/${name}.yml`, place, at);
    if ('problems' in found) return found;
    const parsed = z.safeParse(schema, found.value.value);
    if (parsed.success) return { value: found.value.value };
    const checked = { written: found.value, value: found.value.value, schema, prefix: [], given: () => undefined };
    return { problems: issueProblems(parsed.error.issues, checked) };
  }

  /** A data set of image lists, held to them as they are now: those that are at hand are checked, and their hashes kept. */
  pinned(dataset: ImageListConfig, place: Place, at: Path): Found<Json> {
    const key = JSON.stringify(dataset);
    const pinned = this.#datasets.get(key) ?? pinnedDataset(dataset);
    this.#datasets.set(key, pinned);
    return pinned instanceof BadInput ? { problems: [problem(place, at, pinned.message)] } : { value: pinned };
  }

  /** The subnets of a file, all of that space. */
  subnets(name: string, space: Space, place: Place, at: Path): Found<ListedSubnet[]> {
    const file = this.file(name, place, at);
    if ('problems' in file) return file;
    const key = JSON.stringify([name, space]);
    const list = this.#lists.get(key) ?? listOf(space, file.value.text, name);
    this.#lists.set(key, list);
    if (typeof list !== 'string') return { value: list };
    return {
      problems: [
        problem(place, at, `expected a list of subnets, got a wrong one: ${list}; correct the file or name another`),
      ],
    };
  }

  /** A reference to a supernet's file, checked against the space and the number of classes. */
  supernet(name: string, space: Space, classes: number, place: Place, at: Path): Found<Json> {
    try {
      return { value: supernetReference(this.roots, name, space, classes) };
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      return { problems: [problem(place, at, `${error.message}; docs/pytorch.md says what such a file is`)] };
    }
  }

  #read(name: string): ProjectFile | FileError {
    try {
      return readProjectFile(this.roots, name);
    } catch (error) {
      if (error instanceof FileError) return error;
      throw error;
    }
  }
}

function pinnedDataset(dataset: ImageListConfig): ImageListConfig | BadInput {
  try {
    checkLists(dataset);
    return pinLists(dataset);
  } catch (error) {
    if (error instanceof BadInput) return error;
    throw error;
  }
}

function listOf(space: Space, text: string, where: string): ListedSubnet[] | string {
  try {
    return parseSubnetList(space, text, where);
  } catch (error) {
    if (error instanceof SubnetListError) return error.message;
    throw error;
  }
}

/** Files that a pipeline names, always below the project root. */

const LARGEST_BYTES = 64 * 1024 * 1024;

/** Why a file cannot be used: `expected …, got …; remedy`. */
class FileError extends BadInput {}

interface ProjectFile {
  readonly text: string;
  readonly sha256: string;
}

/** Reads a file named relative to a root. Throws FileError as `projectPlace`, and for one over 64 MiB. */
function readProjectFile(roots: readonly string[], relative: string): ProjectFile {
  const place = projectPlace(roots, relative);
  const { size } = statSync(place);
  if (size > LARGEST_BYTES)
    throw new FileError(`expected at most 64 MiB, got ${size} bytes at ${JSON.stringify(relative)}; split it`);
  const bytes = readFileSync(place);
  return { text: bytes.toString('utf8'), sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** The absolute path of a file named relative to a root. Throws FileError: absolute, `..`, a link out of the root, no file. */
function projectPlace(roots: readonly string[], relative: string): string {
  if (path.isAbsolute(relative) || relative.includes('\0') || relative.split(/[\\/]/).includes('..')) {
    throw new FileError(
      `expected a path below the project folder, got ${JSON.stringify(relative)}; write it relative to that, without ..`,
    );
  }
  const isThere = (root: string): boolean =>
    statSync(path.join(root, relative), { throwIfNoEntry: false }) !== undefined;
  const root = roots.find(isThere) ?? roots[0] ?? '';
  const place = path.join(root, relative);
  const stats = statSync(place, { throwIfNoEntry: false });
  if (!stats?.isFile()) {
    throw new FileError(
      `expected a file, got ${stats ? 'a folder' : 'none'} at ${JSON.stringify(relative)}; correct the path`,
    );
  }
  if (!realpathSync(place).startsWith(realpathSync(root) + path.sep)) {
    throw new FileError(
      `expected a file below the project folder, got a link out of it at ${JSON.stringify(relative)}; copy the file`,
    );
  }
  return place;
}

/** Names of the .yml files in a folder below the roots, without their ending. */
function namesIn(roots: readonly string[], folder: string): string[] {
  const folders = roots.map((root) => path.join(root, folder)).filter((place) => existsSync(place));
  const names = folders.flatMap((place) => readdirSync(place)).filter((name) => name.endsWith('.yml'));
  return [...new Set(names.map((name) => name.slice(0, -4)))].toSorted();
}

/** Supernets that a pipeline names by their file instead of by the stage that made them. */

const PIECE_BYTES = 8 * 1024 * 1024;

/**
 * What stands in the plan for a supernet's file: a reference as `${{ stages.X.selected }}` gives one, but into the project.
 * @param name relative to a root
 * @throws FileError for no file, one of another format, of another space or number of classes, or with numbers that are not finite
 */
function supernetReference(roots: readonly string[], name: string, space: Space, classes: number): JsonObject {
  const place = projectPlace(roots, name);
  try {
    const header = readSafetensorsHeader(place);
    const groups = groupsIn(header);
    checkSupernet(name, header, { space, groups, classes });
    checkNumbers(place, isParameter);
    const epoch = Number(header.metadata['epoch'] ?? 0);
    return {
      file: name,
      origin: 'project',
      sha256: sha256Of(place),
      groups,
      epoch: Number.isInteger(epoch) && epoch >= 0 ? epoch : 0,
    };
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    const reason = error.message.replace(place, name);
    throw new FileError(
      `expected a supernet of the space ${space.name}, got a file that cannot serve as one: ${reason}`,
    );
  }
}

/** Piece by piece: supernets of a large space are larger than what one would hold in memory for a check. */
function sha256Of(place: string): string {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(PIECE_BYTES);
  const file = openSync(place, 'r');
  try {
    for (;;) {
      const count = readSync(file, piece);
      if (count === 0) return hash.digest('hex');
      hash.update(piece.subarray(0, count));
    }
  } finally {
    closeSync(file);
  }
}
