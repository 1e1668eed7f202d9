import { freeze } from './freeze.ts';
import { issueProblems, originOf } from './issues.ts';
import type { Kind, Lists } from './kinds/kind.ts';
import { merged } from './layers.ts';
import type { Layer } from './layers.ts';
import { linked, scopeOf } from './links.ts';
import type { Sight } from './links.ts';
import { problem } from './problems.ts';
import type { Path, Place, Report } from './problems.ts';
import type { Project } from './project.ts';
import { changedWords, writtenAt } from './words.ts';
import type { ParamValue } from './words.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import type { Space } from '../nas/space/space.ts';
import { isObject } from '../plan/json.ts';
import type { Json, JsonObject } from '../plan/json.ts';
import type { Cost, Plan } from '../plan/plan.ts';
import { ExpressionError, resolve } from '../plan/references.ts';
import type { Deferred, Reference } from '../plan/references.ts';

/** The `with` of a stage: layers merged, references followed, names frozen, every cell checked against its kind. */

/** What a stage is compiled among. */
export interface Surroundings {
  readonly project: Project;
  /** Layers of `with`: config files, the pipeline's, the stage's own, `--set`. */
  readonly layers: readonly Layer[];
  readonly sight: Omit<Sight, 'matrix'>;
  readonly deferred: Deferred;
  /** Where a param was given from outside; undefined for one that the file itself decides. */
  readonly given: (param: string) => Place | undefined;
  readonly paramOf: (reference: Reference) => ParamValue | null;
  readonly subPlan: (request: SubRequest) => SubPlan | null;
  readonly report: Report;
}

/** A sub-pipeline that a stage asks for. */
export interface SubRequest {
  readonly file: string;
  /** As written, and as they are with samples for what only the run knows. */
  readonly params: JsonObject;
  readonly sampled: JsonObject;
  /** How the value at a path in the params is written that is not in quotes. */
  readonly written: (path: Path) => string | undefined;
  readonly place: Place;
  readonly at: Path;
}

export interface SubPlan {
  readonly plan: Plan;
  readonly samples: JsonObject;
}

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
  const written = merged(around.layers);
  const prefix: Path = ['stages', sight.stage, 'with'];
  const links = linked(written.value, { ...sight, matrix: cells[0] ?? null });
  report(...links.problems.map(({ path, message }) => problem(written.place(path), [...prefix, ...path], message)));
  report(...changedWords(written, kind.schema, around.paramOf, prefix));
  const known = resolve(links.value, { params: sight.params }, deferred);
  if (!isObject(known)) return null;
  const frozen = freeze(kind, known, { ...around, written, prefix });
  const unknown = [...links.unknown, ...frozen.unknown];
  const once = { ...around, report: tellingOnce(report) };
  const examined = { ...frozen, written, unknown, prefix };
  const fine = cells.flatMap((cell) => examineCell(kind, cell, examined, once) ?? []);
  if (unknown.length > 0 || fine.length < cells.length) return null;
  return {
    with: frozen.value,
    samples: fine.map(({ samples }) => samples),
    cost: totalCost(fine.map(({ cost }) => cost)),
    plan: fine[0]?.plan ?? null,
  };
}

/** Reports problems of cells that differ only in what they got once. */
function tellingOnce(report: Report): Report {
  const told = new Set<string>();
  return (...problems) => {
    for (const one of problems) {
      const key = JSON.stringify([one.source, one.at, one.message.split(', got ')[0]]);
      if (!told.has(key)) report(one);
      told.add(key);
    }
  };
}

interface Examined {
  /** `with`, its names frozen. */
  readonly value: JsonObject;
  readonly lists: Lists;
  readonly written: Layer;
  /** Where values are not known because they are wrong. */
  readonly unknown: readonly Path[];
  readonly prefix: Path;
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
  { value, lists, written, unknown, prefix }: Examined,
  { sight, given, paramOf, report, subPlan }: Surroundings,
): Cell | null {
  const config = sampled(value, { ...sight, matrix: cell }, (message) =>
    report(problem(written.place([]), prefix, message)),
  );
  if (!isObject(config)) return null;
  const examined = kind.examine(config, lists);
  if ('issues' in examined) {
    const open = new Set(unknown.map(nameOf));
    const issues = examined.issues.filter(
      ({ path }) => !path.some((_, index) => open.has(nameOf(path.slice(0, index + 1)))),
    );
    report(...issueProblems(issues, { written, value: config, schema: kind.schema, prefix, given }));
    return null;
  }
  if (kind.runsAs !== 'pipeline' || unknown.length > 0) return { ...examined, plan: null };
  const { file = '', params = {} } = value;
  const inner = subPlan({
    file: typeof file === 'string' ? file : '',
    params: isObject(params) ? params : {},
    sampled: isObject(config['params']) ? config['params'] : {},
    written: (path) => writtenAt(written, ['params', ...path], paramOf),
    place: originOf(written, ['file'], given),
    at: [...prefix, 'file'],
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

/** The space a stage works in; null where it has none, or a wrong one (which `compileWith` reports). */
export function spaceOf({ layers, sight, project }: Pick<Surroundings, 'layers' | 'sight' | 'project'>): Space | null {
  try {
    const given = resolve(merged(layers).value['space'] ?? null, { params: sight.params });
    const found = typeof given === 'string' ? project.named('space', given, { source: '' }, []) : { value: given };
    return 'value' in found ? (SpaceConfig.safeParse(found.value).data ?? null) : null;
  } catch (error) {
    if (error instanceof ExpressionError) return null;
    throw error;
  }
}
