import type { Plan, PlanStage } from '../plan/plan.ts';
import { resolve } from '../plan/references.ts';
import type { StageInput } from '../plan/results.ts';
import { reuseOf, reuseOfChild } from '../plan/reuse.ts';
import { isObject } from '../plan/json.ts';
import type { Work } from './records.ts';
import { childIdOf } from './run.ts';
import type { Run } from './run.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/** What the activity of a stage (or of its cell) gets: every reference replaced. Throws ExpressionError. */
export function inputOf(run: Run, stage: PlanStage, work: Work, cell: JsonObject): StageInput {
  const scope = run.scope(cell);
  const directory = `${run.plan.id}/${textOf(resolve(stage.directory, scope))}`;
  const config = withValues(objectOf(resolve(stage.with, scope)), work.set);
  const reuse = reuseOf(run.plan, stage.id);
  return { stage: work.id, uses: stage.uses, directory, round: work.rounds + 1, with: config, reuse };
}

/** The plan that a stage of kind `pipeline` runs as a child, its params resolved. */
export function childPlanOf(run: Run, { id }: PlanStage, plan: Plan, work: Work, cell: JsonObject): Plan {
  const reuse = reuseOfChild(run.plan, id, (parent) => childIdOf(parent, work.id));
  const { params = {} } = withValues({ params: resolve(plan.params, run.scope(cell)) }, work.set);
  return {
    ...plan,
    id: childIdOf(run.plan.id, work.id),
    params: objectOf(params),
    ...(reuse === undefined ? {} : { reuse }),
  };
}

/** `config` with each dotted key of `set` replaced. */
function withValues(config: JsonObject, set: Readonly<Record<string, Json>>): JsonObject {
  return Object.entries(set).reduce((changed, [key, value]) => put(changed, key.split('.'), value), config);
}

/** Whether a dotted key names something in `config`. */
export function hasKey(config: JsonObject, key: string): boolean {
  let value: Json | undefined = config;
  for (const name of key.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return false;
    value = new Map<string, Json>(Object.entries(value)).get(name);
  }
  return true;
}

function put(config: JsonObject, [name = '', ...rest]: readonly string[], value: Json): JsonObject {
  if (rest.length === 0) return { ...config, [name]: value };
  return { ...config, [name]: put(objectOf(config[name] ?? {}), rest, value) };
}

function objectOf(value: Json): JsonObject {
  if (isObject(value)) return value;
  throw new TypeError(`expected a map, got ${JSON.stringify(value)}`);
}

function textOf(value: Json): string {
  if (typeof value === 'string') return value;
  throw new TypeError(`directory: expected text, got ${JSON.stringify(value)}`);
}
