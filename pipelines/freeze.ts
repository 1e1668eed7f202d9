/** Names in a stage's `with` become what they stand for, so that a plan says all of what will run. */
import { z } from 'zod';
import { SpaceConfig } from '../configs/space-schema.ts';
import type { Space } from '../nas/space/space.ts';
import type { ListedSubnet } from '../nas/space/subnet-list.ts';
import { ExpressionError, resolve } from './expressions.ts';
import { originOf } from './issues.ts';
import type { Kind, Lists } from './kinds/kind.ts';
import { merged } from './layers.ts';
import type { Layer } from './layers.ts';
import type { Found } from './names.ts';
import type { Json, JsonObject } from './plan.ts';
import { problem } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import type { Surroundings } from './stage.ts';

/** The space a stage works in; null where it has none, or a wrong one (which `compileWith` reports). */
export function spaceOf({ layers, sight, project }: Surroundings): Space | null {
  try {
    const given = resolve(merged(layers).value['space'] ?? null, { params: sight.params });
    const found = typeof given === 'string' ? project.named('space', given, { source: '' }, []) : { value: given };
    return 'value' in found ? (SpaceConfig.safeParse(found.value).data ?? null) : null;
  } catch (error) {
    if (error instanceof ExpressionError) return null;
    throw error;
  }
}

export interface Frozen {
  readonly value: JsonObject;
  readonly lists: Lists;
  /** What could not be frozen. */
  readonly unknown: readonly Path[];
}

/** Puts spaces and data sets in for their names, hashes beside the names of files, and references in for those of supernets. */
export function freeze(
  kind: Kind,
  known: JsonObject,
  written: Layer,
  { sight, project, given, report }: Surroundings,
): Frozen {
  const value: Record<string, Json> = { ...known };
  const lists: Record<string, readonly ListedSubnet[]> = {};
  const unknown: Path[] = [];
  const settle = (key: string, find: (name: string, place: Place, at: Path) => Found<Json>): void => {
    const name = value[key];
    if (typeof name !== 'string' || !kind.keys.includes(key)) return;
    const place = originOf(written, [key], given);
    const at = ['stages', sight.stage, 'with', key];
    const found = name.includes('${{')
      ? refused(place, at, `expected a name that is known before the run, got ${name}; use a param for it`)
      : find(name, place, at);
    if ('value' in found) value[key] = found.value;
    else {
      unknown.push([key]);
      report(...found.problems);
    }
  };
  settle('space', (name, place, at) => project.named('space', name, place, at));
  settle('dataset', (name, place, at) => project.named('dataset', name, place, at));
  const space = SpaceConfig.safeParse(value['space']).data;
  for (const key of kind.lists) {
    settle(key, (name, place, at) => {
      const file = project.file(name, place, at);
      if ('problems' in file) return file;
      const subnets = space ? project.subnets(name, space, place, at) : { value: [] };
      if ('problems' in subnets) return subnets;
      lists[key] = subnets.value;
      const bare = key === 'ground_truth' && subnets.value.find(({ accuracy }) => accuracy === null);
      if (bare) {
        return refused(
          place,
          at,
          `expected subnets with their accuracies, got none for ${bare.id} in ${name}; add "acc"`,
        );
      }
      return { value: { file: name, sha256: file.value.sha256 } };
    });
  }
  const classes = z.int().positive().safeParse(value['n_classes']).data;
  for (const key of kind.supernets ?? []) {
    const name = value[key];
    // A reference gives what another stage made.
    if (typeof name !== 'string' || name.includes('${{')) continue;
    if (space === undefined || classes === undefined) unknown.push([key]);
    else settle(key, (file, place, at) => project.supernet(file, space, classes, place, at));
  }
  return { value, lists, unknown };
}

function refused(place: Place, at: Path, message: string): { readonly problems: readonly Problem[] } {
  return { problems: [problem(place, at, message)] };
}
