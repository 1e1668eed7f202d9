import type { Space } from '../nas/space/space.ts';
import { directoryOf } from './directories.ts';
import type { Shaped } from './issues.ts';
import { kinds } from './kinds/catalogue.ts';
import type { Kind } from './kinds/kind.ts';
import type { Layer } from './layers.ts';
import { wrongIn } from './links.ts';
import type { Sight } from './links.ts';
import { nearest, problem, shown } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import type { Project } from './project.ts';
import type { StageFile } from './schema.ts';
import { compileWith, spaceOf } from './with.ts';
import { conditionReferences, parseCondition } from '../plan/conditions.ts';
import type { Condition } from '../plan/conditions.ts';
import type { Plan, PlanStage, Retry, Select, Timeout } from '../plan/plan.ts';
import { ExpressionError } from '../plan/references.ts';
import type { Deferred } from '../plan/references.ts';
import type { Json, JsonObject } from '../plan/json.ts';

/** One stage of a pipeline file → one stage of the plan. */

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

/** The cells of a matrix stage: every combination of its values. */

const MOST_CELLS = 1000;

type Cell = Readonly<Record<string, Json>>;

interface Asking {
  readonly project: Project;
  /** Null where the stage has none, or a wrong one. */
  readonly space: Space | null;
  readonly place: (path: Path) => Place;
  readonly prefix: Path;
}

/** All cells in order, the last name fastest; none beside the problems that forbid it. */
function cellsOf(matrix: NonNullable<StageFile['matrix']>, asking: Asking): { cells: Cell[]; problems: Problem[] } {
  const problems: Problem[] = [];
  let cells: Cell[] = [{}];
  for (const [name, given] of Object.entries(matrix)) {
    const refuse = (message: string): number =>
      problems.push(problem(asking.place(['matrix', name]), [...asking.prefix, 'matrix', name], message));
    const values = valuesOf(given, name, asking, refuse, problems);
    if (new Set(values.map((value) => JSON.stringify(value))).size < values.length)
      refuse('expected different values, got one twice; remove it');
    if (cells.length * values.length > MOST_CELLS)
      refuse(`expected at most ${MOST_CELLS} cells, got ${cells.length * values.length}; take fewer values`);
    else cells = cells.flatMap((cell) => values.map((value) => ({ ...cell, [name]: value })));
  }
  return { cells: problems.length > 0 ? [] : cells, problems };
}

type Given = NonNullable<StageFile['matrix']>[string];

function valuesOf(
  given: Given,
  name: string,
  asking: Asking,
  refuse: (message: string) => number,
  problems: Problem[],
): Json[] {
  if (JSON.stringify(given).includes('${{')) {
    refuse('expected values that are known before the run, got a reference; write them out, or use ${{ params.… }}');
    return [];
  }
  if (typeof given !== 'object') return expanded(given, refuse);
  if (!('subnets' in given)) return given;
  const { project, space, place, prefix } = asking;
  if (space === null) return [];
  const at = ['matrix', name, 'subnets'];
  const found = project.subnets(given.subnets, space, place(at), [...prefix, ...at]);
  if ('problems' in found) {
    problems.push(...found.problems);
    return [];
  }
  const wanted = given.only ?? `1..${found.value.length}`;
  return (typeof wanted === 'object' ? wanted : expanded(wanted, refuse)).flatMap((number) => {
    const subnet = typeof number === 'number' ? found.value[number - 1] : undefined;
    if (subnet) return [{ number, code: subnet.code }];
    refuse(`expected only numbers 1..${found.value.length} of ${given.subnets}, got ${shown(number)}; correct only`);
    return [];
  });
}

/** `1..8` → the numbers from 1 to 8; any other value alone. */
function expanded(value: string | number | boolean, refuse: (message: string) => number): Json[] {
  const range = typeof value === 'string' ? /^(-?\d{1,9})\.\.(-?\d{1,9})$/.exec(value) : null;
  if (!range) return [value];
  const [first, last] = [Number(range[1]), Number(range[2])];
  const count = last - first + 1;
  if (count >= 1 && count <= MOST_CELLS) return Array.from({ length: count }, (_, index) => first + index);
  refuse(`expected a range of 1..${MOST_CELLS} values, got ${JSON.stringify(value)}; write it as first..last`);
  return [];
}
