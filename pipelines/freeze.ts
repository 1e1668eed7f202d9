import { z } from 'zod';
import { originOf } from './issues.ts';
import type { Kind, Lists } from './kinds/kind.ts';
import { problem } from './problems.ts';
import type { Path, Place, Problem, Report } from './problems.ts';
import type { Found, Project } from './project.ts';
import type { Located } from './yaml.ts';
import { ImageList } from '../configs/dataset-schema.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import type { ListedSubnet } from '../nas/space/subnet-list.ts';
import { isObject, valueAt, withValueAt } from '../plan/json.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/** Names in a stage's `with` become what they stand for, so that a plan says all of what will run. */

interface Frozen {
  readonly value: JsonObject;
  readonly lists: Lists;
  /** What could not be frozen. */
  readonly unknown: readonly Path[];
}

interface Asking {
  readonly project: Project;
  /** Where the values of `with` were written. */
  readonly written: Located;
  /** `stages.<id>.with`. */
  readonly prefix: Path;
  readonly given: (param: string) => Place | undefined;
  readonly report: Report;
}

/** Puts spaces and data sets in for their names, hashes beside the names of files, and references in for those of supernets. */
export function freeze(kind: Kind, known: JsonObject, { project, written, prefix, given, report }: Asking): Frozen {
  let value: JsonObject = { ...known };
  const lists: Record<string, readonly ListedSubnet[]> = {};
  const unknown: Path[] = [];
  const settleTo = (key: string, find: (place: Place, at: Path) => Found<Json>): void => {
    const path = key.split('.');
    const found = find(originOf(written, path, given), [...prefix, ...path]);
    if ('value' in found) value = withFound(value, path, found.value);
    else {
      unknown.push(path);
      report(...found.problems);
    }
  };
  const settle = (key: string, find: (name: string, place: Place, at: Path) => Found<Json>): void => {
    const path = key.split('.');
    const name = valueAt(value, path);
    if (typeof name !== 'string' || !kind.keys.includes(path[0]!)) return;
    settleTo(key, (place, at) =>
      name.includes('${{')
        ? refused(place, at, `expected a name that is known before the run, got ${name}; use a param for it`)
        : find(name, place, at),
    );
  };
  settle('space', (name, place, at) => project.named('space', name, place, at));
  settle('dataset', (name, place, at) => project.named('dataset', name, place, at));
  const images = ImageList.safeParse(value['dataset']).data;
  if (images) settleTo('dataset', (place, at) => project.pinned(images, place, at));
  const space = SpaceConfig.safeParse(value['space']).data;
  for (const key of kind.lists) {
    settle(key, (name, place, at) => {
      const file = project.file(name, place, at);
      if ('problems' in file) return file;
      const subnets = space ? project.subnets(name, space, place, at) : { value: [] };
      if ('problems' in subnets) return subnets;
      lists[key] = subnets.value;
      const bare = key === 'ground_truth' && subnets.value.find(({ accuracy }) => accuracy === null);
      if (!bare) return { value: { file: name, sha256: file.value.sha256 } };
      const message = `expected subnets with their accuracies, got none for ${bare.id} in ${name}; add "acc"`;
      return refused(place, at, message);
    });
  }
  const classes = z.int().positive().safeParse(value['n_classes']).data;
  for (const key of kind.supernets) {
    const name = value[key];
    // A reference gives what another stage made.
    if (typeof name !== 'string' || name.includes('${{')) continue;
    if (space === undefined || classes === undefined) unknown.push([key]);
    else settle(key, (file, place, at) => project.supernet(file, space, classes, place, at));
  }
  return { value, lists, unknown };
}

function withFound(value: JsonObject, path: readonly string[], found: Json): JsonObject {
  const changed = withValueAt(value, path, found);
  return isObject(changed) ? changed : value;
}

function refused(place: Place, at: Path, message: string): { readonly problems: readonly Problem[] } {
  return { problems: [problem(place, at, message)] };
}
