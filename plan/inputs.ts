import { isObject, valueAt, withValueAt } from './json.ts';
import type { Json, JsonObject } from './json.ts';
import { childIdOf } from './names.ts';
import type { Cell } from './names.ts';
import type { Plan, PlanStage } from './plan.ts';
import { resolve } from './references.ts';
import type { Scope } from './references.ts';
import type { StageInput } from './results.ts';
import { reuseOfChild } from './reuse.ts';
import type { Reuse } from './reuse.ts';

/**
 * What a cell of a stage gets from its run and gives to it. The workflow asks when the cell begins, and `nas plan` before
 * there is a run.
 */

/** What references of a cell see: the plan's params, its own values, the outputs of stages that are over. */
type Outputs = NonNullable<Scope['stages']>;

/** What is not in the plan: how often the cell was scheduled before, and the values that `retryStage` put into its `with`. */
interface Asked {
  readonly reuse: Reuse;
  readonly round?: number;
  readonly set?: Readonly<Record<string, Json>>;
}

/** The input of the cell's activity, every reference replaced. Throws ExpressionError. */
export function inputOf(
  plan: Plan,
  stage: PlanStage,
  cell: Cell,
  outputs: Outputs,
  { reuse, round = 1, set = {} }: Asked,
): StageInput {
  const scope: Scope = { params: plan.params, matrix: cell.values, stages: outputs };
  const directory = resolve(stage.directory, scope);
  const config = resolve(stage.with, scope);
  if (typeof directory !== 'string') throw new TypeError(`directory: expected text, got ${JSON.stringify(directory)}`);
  if (!isObject(config)) throw new TypeError(`with: expected a map, got ${JSON.stringify(config)}`);
  return {
    stage: cell.id,
    uses: stage.uses,
    directory: `${plan.id}/${directory}`,
    round,
    with: withValues(config, set),
    reuse,
    retry: stage.retry,
    origin: {
      pipeline: plan.source,
      params: plan.params,
      set: plan.set ?? [],
      ...(plan.keep === undefined ? {} : { keep: plan.keep }),
    },
  };
}

/** The plan that a cell of a stage of kind `pipeline` runs, its params replaced. Throws ExpressionError. */
export function childPlanOf(plan: Plan, child: Plan, cell: Cell, outputs: Outputs, { reuse, set = {} }: Asked): Plan {
  const scope: Scope = { params: plan.params, matrix: cell.values, stages: outputs };
  const { params = {} } = withValues({ params: resolve(child.params, scope) }, set);
  if (!isObject(params)) throw new TypeError(`params: expected a map, got ${JSON.stringify(params)}`);
  const taken = reuseOfChild(reuse, (run) => childIdOf(run, cell.id));
  const notify = child.notify ?? plan.notify;
  const priority = child.priority ?? plan.priority;
  const keep = child.keep ?? plan.keep;
  return {
    ...child,
    id: childIdOf(plan.id, cell.id),
    params,
    ...(taken === undefined ? {} : { reuse: taken }),
    ...(notify === undefined ? {} : { notify }),
    ...(priority === undefined ? {} : { priority }),
    ...(keep === undefined ? {} : { keep }),
  };
}

/** What `${{ stages.<id>… }}` sees: lists for a matrix stage; null for one that gave nothing. */
export function outputsOf({ matrix }: PlanStage, cells: readonly (JsonObject | null)[]): JsonObject | null {
  if (matrix === null) return cells[0] ?? null;
  if (cells.every((outputs) => outputs === null)) return null;
  const names = new Set(cells.flatMap((outputs) => Object.keys(outputs ?? {})));
  return Object.fromEntries([...names].map((name) => [name, cells.map((outputs) => outputs?.[name] ?? null)]));
}

/** Whether `retryStage` may set a dotted key of a stage: it must be there already. */
export function isSettable(stage: PlanStage, key: string): boolean {
  return valueAt(settable(stage), key.split('.')) !== undefined;
}

/** What `retryStage` may set of a stage. */
export function settable({ plan, with: config }: PlanStage): JsonObject {
  return plan === null ? config : { params: plan.params };
}

function withValues(config: JsonObject, set: Readonly<Record<string, Json>>): JsonObject {
  return Object.entries(set).reduce<JsonObject>((changed, [key, value]) => {
    const made = withValueAt(changed, key.split('.'), value);
    return isObject(made) ? made : changed;
  }, config);
}
