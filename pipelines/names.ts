/** Names in `with` that stand for something in the project: spaces, data sets, lists of subnets. Frozen at load. */
import { z } from 'zod';
import { DatasetConfig } from '../configs/dataset-schema.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import type { Space } from '../nas/space/space.ts';
import { parseSubnetList, SubnetListError } from '../nas/space/subnet-list.ts';
import type { ListedSubnet } from '../nas/space/subnet-list.ts';
import { FileError, namesIn, readProjectFile } from './files.ts';
import type { ProjectFile } from './files.ts';
import { issueProblems } from './issues.ts';
import { sourceLayer } from './layers.ts';
import type { Json } from './plan.ts';
import { readYaml } from './positions.ts';
import type { Source } from './positions.ts';
import { nearest, problem } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import { supernetReference } from './supernet-files.ts';

const FOLDERS = {
  space: { folder: 'configs/spaces', schema: SpaceConfig },
  dataset: { folder: 'configs/datasets', schema: DatasetConfig },
} as const;

/** A value, or why there is none. */
export type Found<T> = { readonly value: T } | { readonly problems: readonly Problem[] };

/** The project folder as one load sees it: every file is read once. */
export class Project {
  readonly root: string;
  readonly #files = new Map<string, ProjectFile | FileError>();
  readonly #lists = new Map<string, ListedSubnet[] | string>();

  constructor(root: string) {
    this.root = root;
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
    const names = namesIn(this.root, folder);
    if (!names.includes(name)) {
      return {
        problems: [
          problem(place, at, `expected a name of ${folder}, got ${JSON.stringify(name)}${nearest(name, names)}`),
        ],
      };
    }
    const found = this.yaml(`${folder}/${name}.yml`, place, at);
    if ('problems' in found) return found;
    const written = sourceLayer(found.value, []);
    const parsed = z.safeParse(schema, found.value.value);
    if (parsed.success) return { value: found.value.value };
    const checked = { written, value: found.value.value, schema, prefix: [], given: () => undefined };
    return { problems: issueProblems(parsed.error.issues, checked) };
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
      return { value: supernetReference(this.root, name, space, classes) };
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      return { problems: [problem(place, at, `${error.message}; docs/pytorch.md says what such a file is`)] };
    }
  }

  #read(name: string): ProjectFile | FileError {
    try {
      return readProjectFile(this.root, name);
    } catch (error) {
      if (error instanceof FileError) return error;
      throw error;
    }
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
