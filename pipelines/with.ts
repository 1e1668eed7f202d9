import { z } from 'zod';
import { ImageList } from '../configs/dataset-schema.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import type { Space } from '../nas/space/space.ts';
import type { ListedSubnet } from '../nas/space/subnet-list.ts';
import { issueProblems, originOf } from './issues.ts';
import type { Kind, Lists } from './kinds/kind.ts';
import { merged } from './layers.ts';
import type { Layer } from './layers.ts';
import { linked, scopeOf } from './links.ts';
import type { Sight } from './links.ts';
import { problem } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import type { Found } from './project.ts';
import type { Surroundings } from './stage.ts';
import { isObject } from '../plan/json.ts';
import type { Cost, Plan } from '../plan/plan.ts';
import { ExpressionError, resolve } from '../plan/references.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/** The `with` of a stage: layers merged, params put in, names frozen, every cell checked against its kind. */

interface CompiledWith {
  readonly with: JsonObject;
  /** Outputs as they could be, of each cell. */
  readonly samples: readonly JsonObject[];
  readonly cost: Cost | null;
  readonly plan: Plan | null;
}

/** Null where something is wrong, which is then reported. `cells` is [null] for a stage without matrix. */
export function compileWith(
  kind: Kind,
  around: Surroundings,
  cells: readonly (JsonObject | null)[],
): CompiledWith | null {
  const { sight, deferred, report } = around;
  // Cells that differ only in what they got are told once.
  const told = new Set<string>();
  const reportOnce = (...problems: readonly Problem[]): void => {
    for (const one of problems) {
      const key = JSON.stringify([one.source, one.at, one.message.split(', got ')[0]]);
      if (!told.has(key)) report(one);
      told.add(key);
    }
  };
  const written = merged(around.layers);
  const prefix: Path = ['stages', sight.stage, 'with'];
  const links = linked(written.value, { ...sight, matrix: cells[0] ?? null });
  report(...links.problems.map(({ path, message }) => problem(written.place(path), [...prefix, ...path], message)));
  const known = resolve(links.value, { params: sight.params }, deferred);
  if (!isObject(known)) return null;
  const frozen = freeze(kind, known, written, around);
  const unknown = [...links.unknown, ...frozen.unknown];
  const fine = cells.flatMap(
    (cell) => examineCell(kind, cell, { frozen, written, unknown, prefix }, { ...around, report: reportOnce }) ?? [],
  );
  if (unknown.length > 0 || fine.length < cells.length) return null;
  return {
    with: frozen.value,
    samples: fine.map(({ samples }) => samples),
    cost: totalCost(fine.map(({ cost }) => cost)),
    plan: fine[0]?.plan ?? null,
  };
}

interface Cell {
  readonly samples: JsonObject;
  readonly cost: Cost | null;
  readonly plan: Plan | null;
}

/** Checks the `with` of one cell, samples in the place of what only the run knows. */
function examineCell(
  kind: Kind,
  cell: JsonObject | null,
  { frozen, written, unknown, prefix }: { frozen: Frozen; written: Layer; unknown: readonly Path[]; prefix: Path },
  { sight, given, report, subPlan }: Surroundings,
): Cell | null {
  const value = sampled(frozen.value, { ...sight, matrix: cell }, (message) =>
    report(problem(written.place([]), prefix, message)),
  );
  if (!isObject(value)) return null;
  const examined = kind.examine(value, frozen.lists);
  if ('issues' in examined) {
    const open = new Set(unknown.map(nameOf));
    const issues = examined.issues.filter(
      ({ path }) => !path.some((_, index) => open.has(nameOf(path.slice(0, index + 1)))),
    );
    report(...issueProblems(issues, { written, value, schema: kind.schema, prefix, given }));
    return null;
  }
  if (kind.name !== 'pipeline' || unknown.length > 0) return { ...examined, plan: null };
  const { file = '', params = {} } = frozen.value;
  const request = {
    file: typeof file === 'string' ? file : '',
    place: originOf(written, ['file'], given),
    at: [...prefix, 'file'],
  };
  const inner = subPlan({
    ...request,
    params: isObject(params) ? params : {},
    sampled: isObject(value['params']) ? value['params'] : {},
  });
  return (
    inner && { samples: inner.samples, cost: totalCost(inner.plan.stages.map(({ cost }) => cost)), plan: inner.plan }
  );
}

function nameOf(path: readonly PropertyKey[]): string {
  return JSON.stringify(path.map(String));
}

function sampled(value: JsonObject, sight: Sight, refuse: (message: string) => void): Json {
  try {
    return resolve(value, scopeOf(sight));
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    refuse(`expected references that lead to a value, got ${error.message}; correct them`);
    return null;
  }
}

function totalCost(costs: readonly (Cost | null)[]): Cost | null {
  const known = costs.flatMap((cost) => cost ?? []);
  const [first] = known;
  if (!first) return null;
  const total = (of: 'gmacs' | 'traffic' | 'operations' | 'disk'): number =>
    known.reduce((sum, cost) => sum + cost[of], 0);
  return {
    gmacs: total('gmacs'),
    traffic: total('traffic'),
    operations: total('operations'),
    memory: Math.max(...known.map(({ memory }) => memory)),
    disk: total('disk'),
    note: known.length === 1 ? first.note : `${known.length} times about: ${first.note}`,
  };
}

/** Names in a stage's `with` become what they stand for, so that a plan says all of what will run. */

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

interface Frozen {
  readonly value: JsonObject;
  readonly lists: Lists;
  /** What could not be frozen. */
  readonly unknown: readonly Path[];
}

/** Puts spaces and data sets in for their names, hashes beside the names of files, and references in for those of supernets. */
function freeze(
  kind: Kind,
  known: JsonObject,
  written: Layer,
  { sight, project, given, report }: Surroundings,
): Frozen {
  const value: Record<string, Json> = { ...known };
  const lists: Record<string, readonly ListedSubnet[]> = {};
  const unknown: Path[] = [];
  const settleTo = (key: string, find: (place: Place, at: Path) => Found<Json>): void => {
    const found = find(originOf(written, [key], given), ['stages', sight.stage, 'with', key]);
    if ('value' in found) value[key] = found.value;
    else {
      unknown.push([key]);
      report(...found.problems);
    }
  };
  const settle = (key: string, find: (name: string, place: Place, at: Path) => Found<Json>): void => {
    const name = value[key];
    if (typeof name !== 'string' || !kind.keys.includes(key)) return;
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
  for (const key of kind.supernets) {
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
