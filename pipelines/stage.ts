/** One stage of a pipeline file → one stage of the plan. */
import { cellsOf } from './cells.ts';
import { conditionReferences, parseCondition } from './conditions.ts';
import type { Condition } from './conditions.ts';
import { directoryOf } from './directories.ts';
import { ExpressionError } from './expressions.ts';
import type { Deferred } from './expressions.ts';
import { spaceOf } from './freeze.ts';
import { kinds } from './kinds/index.ts';
import type { Kind } from './kinds/kind.ts';
import type { Layer } from './layers.ts';
import { wrongIn } from './links.ts';
import type { Sight } from './links.ts';
import type { Project } from './names.ts';
import type { Json, JsonObject, Plan, PlanStage, Retry, Select, Timeout } from './plan.ts';
import { nearest, problem } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import type { StageFile } from './schema.ts';
import type { Shaped } from './shape.ts';
import { compileWith } from './with.ts';

/** What a stage is compiled among. */
export interface Surroundings {
  readonly project: Project;
  /** Layers of `with`: config files, the pipeline's, the stage's own, `--set`. */
  readonly layers: readonly Layer[];
  readonly sight: Omit<Sight, 'matrix'>;
  /** Names of the stage's matrix as written, right or wrong. */
  readonly matrixNames: readonly string[];
  readonly deferred: Deferred;
  /** Where a param was given from outside. */
  readonly given: (param: string) => Place | undefined;
  /** Where something in the stage stands, by its path in the stage. */
  readonly place: (path: Path) => Place;
  readonly subPlan: (request: SubRequest) => SubPlan | null;
  readonly report: (...problems: readonly Problem[]) => void;
}

/** A sub-pipeline that a stage asks for. */
export interface SubRequest {
  readonly file: string;
  /** As written, and as they are with samples for what only the run knows. */
  readonly params: JsonObject;
  readonly sampled: JsonObject;
  readonly place: Place;
  readonly at: Path;
}

export interface SubPlan {
  readonly plan: Plan;
  readonly samples: JsonObject;
}

/** The stage and samples of its outputs; null where something is wrong, which is then reported. */
export function compileStage(
  { value: file, wrong }: Shaped<StageFile>,
  around: Surroundings,
): { stage: PlanStage; samples: JsonObject } | null {
  const { sight, place } = around;
  const at: Path = ['stages', sight.stage];
  const problems: Problem[] = [];
  const refuse = (path: Path, message: string): void =>
    void problems.push(problem(place(path), [...at, ...path], message));
  const kind = kinds.get(file.uses);
  if (!kind) {
    refuse(
      ['uses'],
      `expected a kind of stage, got ${JSON.stringify(file.uses)}${nearest(file.uses, [...kinds.keys()])}`,
    );
    around.report(...problems);
    return null;
  }
  const matrix = file.matrix
    ? cellsOf(file.matrix, { project: around.project, space: spaceOf(around), place, prefix: at })
    : null;
  problems.push(...(matrix?.problems ?? []));
  // A wrong matrix still has its names: one cell without values, so that the rest is checked.
  const nameless = Object.fromEntries(around.matrixNames.map((name) => [name, null]));
  const isWrong = wrong.has('matrix') || matrix?.cells.length === 0;
  const cells = isWrong ? [nameless] : (matrix?.cells ?? [null]);
  checkCondition(file.if, { ...sight, matrix: null }, refuse);
  checkOptions(file, kind, refuse);
  const directory = directoryOf(file.directory, sight.stage, matrix && (cells[0] ?? null));
  const config = compileWith(kind, { ...around, report: (...more) => void problems.push(...more) }, cells);
  around.report(...problems);
  if (problems.length > 0 || wrong.size > 0 || config === null) return null;
  const stage: PlanStage = {
    id: sight.stage,
    uses: kind.name,
    needs: file.needs,
    directory,
    with: config.with,
    matrix: matrix?.cells ?? null,
    if: file.if === undefined ? null : file.if.replace(/^\s*\$\{\{(.*)\}\}\s*$/s, '$1').trim(),
    select: kind.hasEpochs ? selectOf(file) : null,
    retry: retryOf(file, kind),
    timeout: timeoutOf(file, kind),
    queue: file.queue ?? kind.queue,
    work: kind.work,
    outputs: Object.keys(config.samples[0] ?? {}),
    cost: config.cost,
    plan: config.plan,
  };
  return { stage, samples: matrix === null ? (config.samples[0] ?? {}) : listed(config.samples) };
}

type Refuse = (path: Path, message: string) => void;

function checkCondition(text: string | undefined, sight: Sight, refuse: Refuse): void {
  if (text === undefined) return;
  let condition: Condition;
  try {
    condition = parseCondition(text);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return refuse(['if'], `${error.message}; correct the condition`);
  }
  for (const reference of conditionReferences(condition)) {
    const wrong =
      reference.scope === 'matrix'
        ? 'expected params.… or stages.…, got matrix.…; a condition holds for the whole stage'
        : wrongIn(reference, sight);
    if (wrong !== null) refuse(['if'], wrong);
  }
}

function checkOptions(file: StageFile, kind: Kind, refuse: Refuse): void {
  if (file.select && !kind.hasEpochs) {
    refuse(['select'], `expected no select, got one: ${kind.name} has no epochs to choose from; remove it`);
  }
  if (file.select?.timeout !== undefined && file.select.wait === 'none') {
    refuse(['select', 'timeout'], 'expected no timeout, got one: wait is none; remove it, or write wait: signal');
  }
  if (file.timeout.heartbeat !== undefined && kind.timeout.heartbeatMs === null) {
    refuse(['timeout', 'heartbeat'], `expected no heartbeat, got one: ${kind.name} has none; remove it`);
  }
}

function selectOf({ select }: StageFile): Select {
  const { by = 'kendall_tau', rule = 'latest-of-the-best', wait = 'none', timeout = null } = select ?? {};
  return { by, rule, wait, timeoutMs: timeout };
}

function retryOf({ retry }: StageFile, kind: Kind): Retry {
  return {
    maximumAttempts: retry.attempts ?? kind.retry.maximumAttempts,
    initialIntervalMs: retry.interval ?? kind.retry.initialIntervalMs,
    backoffCoefficient: retry.backoff ?? kind.retry.backoffCoefficient,
  };
}

function timeoutOf({ timeout }: StageFile, kind: Kind): Timeout {
  return {
    startToCloseMs: timeout.attempt ?? kind.timeout.startToCloseMs,
    heartbeatMs: timeout.heartbeat ?? kind.timeout.heartbeatMs,
  };
}

/** What references see of a matrix stage: for each output the list over its cells. */
function listed(samples: readonly JsonObject[]): JsonObject {
  const names = Object.keys(samples[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, samples.map((sample): Json => sample[name] ?? null)]));
}
