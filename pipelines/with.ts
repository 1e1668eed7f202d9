/** The `with` of a stage: layers merged, params put in, names frozen, every cell checked against its kind. */
import { ExpressionError, resolve } from './expressions.ts';
import { freeze } from './freeze.ts';
import type { Frozen } from './freeze.ts';
import { issueProblems, originOf } from './issues.ts';
import { isObject } from './json.ts';
import type { Kind } from './kinds/kind.ts';
import { merged } from './layers.ts';
import type { Layer } from './layers.ts';
import { linked, scopeOf } from './links.ts';
import type { Sight } from './links.ts';
import type { Cost, Json, JsonObject, Plan } from './plan.ts';
import { problem } from './problems.ts';
import type { Path, Problem } from './problems.ts';
import type { Surroundings } from './stage.ts';

export interface CompiledWith {
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
