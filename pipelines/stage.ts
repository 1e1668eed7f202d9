import { combinations, directoryOf, idleNames } from './cells.ts';
import type { Shaped } from './issues.ts';
import { kinds } from './kinds/catalogue.ts';
import type { Kind } from './kinds/kind.ts';
import { merged } from './layers.ts';
import { wrongIn } from './links.ts';
import type { Sight } from './links.ts';
import { nearest, problem } from './problems.ts';
import type { Path, Place, Problem } from './problems.ts';
import type { StageFile } from './schema.ts';
import { compileWith, spaceOf } from './with.ts';
import type { Surroundings } from './with.ts';
import { plainSelect } from '../plan/choice.ts';
import { conditionReferences, namesStatus, parseCondition } from '../plan/conditions.ts';
import type { Condition } from '../plan/conditions.ts';
import type { Json, JsonObject } from '../plan/json.ts';
import { CONTROL_QUEUE } from '../plan/names.ts';
import type { PlanStage, Retry, Select, Timeout } from '../plan/plan.ts';
import { ExpressionError } from '../plan/references.ts';

/** One stage of a pipeline file → one stage of the plan. */

interface StageSurroundings extends Surroundings {
  /** Names of the stage's matrix as written, right or wrong. */
  readonly matrixNames: readonly string[];
  /** Where something in the stage stands, by its path in the stage. */
  readonly place: (path: Path) => Place;
}

/** The stage and samples of its outputs; null where something is wrong, which is then reported. */
export function compileStage(
  { value: file, wrong }: Shaped<StageFile>,
  around: StageSurroundings,
): { stage: PlanStage; samples: JsonObject } | null {
  const { sight, place } = around;
  const at: Path = ['stages', sight.stage];
  const problems: Problem[] = [];
  const refuse: Refuse = (path, message) => void problems.push(problem(place(path), [...at, ...path], message));
  const kind = kinds.get(file.uses);
  if (!kind) {
    const known = nearest(file.uses, [...kinds.keys()]);
    refuse(['uses'], `expected a kind of stage, got ${JSON.stringify(file.uses)}${known}`);
    around.report(...problems);
    return null;
  }
  const matrix = file.matrix
    ? combinations(file.matrix, { project: around.project, space: spaceOf(around), place, prefix: at })
    : null;
  problems.push(...(matrix?.problems ?? []));
  // A wrong matrix still has its names: one cell without values, so that the rest is checked.
  const nameless = Object.fromEntries(around.matrixNames.map((name) => [name, null]));
  const isWrong = wrong.has('matrix') || matrix?.cells.length === 0;
  const cells = isWrong ? [nameless] : (matrix?.cells ?? [null]);
  checkCondition(file, { ...sight, matrix: null }, refuse);
  checkOptions(file, kind, refuse);
  const config = compileWith(kind, { ...around, report: (...more) => void problems.push(...more) }, cells);
  // A program may do something else each time. Of a stage that is wrong it would only tell the same once more.
  if (kind.anewBecause === null && problems.length === 0) {
    for (const name of idleNames(around.matrixNames, merged(around.layers).value, file.directory)) {
      const use = `use \${{ matrix.${name} }} in with or directory, or remove it`;
      refuse(['matrix', name], `expected cells that differ, got ${name}, which nothing refers to; ${use}`);
    }
  }
  around.report(...problems);
  if (problems.length > 0 || wrong.size > 0 || config === null) return null;
  const stage: PlanStage = {
    id: sight.stage,
    uses: kind.name,
    needs: file.needs,
    directory: directoryOf(file.directory, sight.stage, matrix && (cells[0] ?? null)),
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

function checkCondition({ if: text, needs }: StageFile, sight: Sight, refuse: Refuse): void {
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
  if (needs.length === 0 && namesStatus(condition, 'failure')) {
    refuse(['if'], 'expected needs beside failure(), got none: no need can fail; add needs, or remove failure()');
  }
}

/** Refuses options that would do nothing. */
function checkOptions({ select, retry, timeout, queue, directory }: StageFile, kind: Kind, refuse: Refuse): void {
  const none = (path: Path, why: string): void => {
    refuse(path, `expected no ${path.at(-1)}, got one: ${why}; remove it`);
  };
  if (select && !kind.hasEpochs) none(['select'], `${kind.name} has no epochs to choose from`);
  if (select?.timeout !== undefined && select.wait === 'none') {
    refuse(['select', 'timeout'], 'expected no timeout, got one: wait is none; remove it, or write wait: signal');
  }
  if (kind.runsAs === 'pipeline') {
    const isGiven = { retry: !isEmpty(retry), timeout: !isEmpty(timeout), queue: queue !== undefined };
    for (const [option, given] of Object.entries(isGiven)) if (given) none([option], 'the stages in it have their own');
    if (directory !== undefined) none(['directory'], 'its results lie in the folder of a run of its own');
    return;
  }
  if (timeout.heartbeat !== undefined && kind.timeout.heartbeatMs === null) {
    none(['timeout', 'heartbeat'], `${kind.name} has none`);
  }
  if (queue !== undefined && kind.work === 'light') {
    none(['queue'], `${kind.name} is light work, which the workers of ${CONTROL_QUEUE} do`);
  }
  if (queue === CONTROL_QUEUE && kind.work === 'heavy') {
    refuse(['queue'], `expected a queue of heavy work, got ${queue}, whose workers do light work alone; name another`);
  }
  for (const option of ['interval', 'backoff'] as const) {
    if (retry.attempts === 1 && retry[option] !== undefined) none(['retry', option], 'there is one attempt only');
  }
}

function isEmpty(options: object): boolean {
  return Object.values(options).every((value) => value === undefined);
}

function selectOf({ select }: StageFile): Select {
  if (!select) return plainSelect;
  const { by, rule, wait, timeout = null } = select;
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
