import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowFailure,
  condition,
  executeChild,
  isCancellation,
  patched,
  rootCause,
  workflowInfo,
} from '@temporalio/workflow';
import { choiceOf, chosenByRule, plainSelect } from '../plan/choice.ts';
import type { ChosenEpoch } from '../plan/choice.ts';
import { holds } from '../plan/conditions.ts';
import type { NeedState } from '../plan/conditions.ts';
import { BadInput } from '../plan/endings.ts';
import type { Ending } from '../plan/endings.ts';
import { childPlanOf, inputOf } from '../plan/inputs.ts';
import type { JsonObject } from '../plan/json.ts';
import { activityIdOf, cellsOf, CONTROL_QUEUE, PIPELINE } from '../plan/names.ts';
import type { Cell } from '../plan/names.ts';
import type { Plan, PlanStage } from '../plan/plan.ts';
import type { StageInput, StageResult } from '../plan/results.ts';
import { pipelineValue } from '../plan/search.ts';
import { performSelection, performStage } from './activities.ts';
import { summaryOf } from './details.ts';
import type { OnPause } from './gate.ts';
import { isOver, stateOf } from './records.ts';
import type { CellRecord, StageRecord } from './records.ts';
import type { Run } from './run.ts';
import { isSearchable } from './search.ts';

/**
 * Runs a stage to its end once its needs have ended: skipped if its condition does not hold, else all cells side by
 * side, each on its own. Rejects only when the run is cancelled, and then after every cell has stopped.
 */
export async function runStage(run: Run, stage: PlanStage, needs: readonly Promise<void>[]): Promise<void> {
  await Promise.all(needs);
  const record = run.record(stage.id);
  if (!(await isWanted(run, stage, record))) {
    for (const cell of record.cells) if (!isOver(cell)) run.mark(cell, { state: 'skipped' });
    return;
  }
  const cells = cellsOf(stage);
  const ends = await Promise.allSettled(
    record.cells.map((own, at) => runCell(run, stage, cells[at] ?? { id: own.id, values: {} }, own)),
  );
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

export function isStageOver(run: Run, stage: PlanStage): boolean {
  return run.record(stage.id).cells.every(isOver);
}

/** Whether a stage that nothing was done for is to run. A condition that fails parks it until somebody answers. */
async function isWanted(run: Run, stage: PlanStage, { cells }: StageRecord): Promise<boolean> {
  const begun = cells.filter(({ rounds, state }) => rounds > 0 && state !== 'skipped');
  while (begun.length === 0 && !cells.every(isOver)) {
    try {
      return holds(stage.if, { params: run.plan.params, matrix: {}, stages: run.outputs }, needsOf(run, stage));
    } catch (error) {
      const open = cells.filter((cell) => !isOver(cell));
      for (const cell of open) run.mark(cell, { state: 'parked', error: `if: ${describe(error)}` });
      await condition(() => open.some(({ state }) => state === 'waiting') || open.every(isOver));
    }
  }
  return true;
}

function needsOf(run: Run, stage: PlanStage): NeedState[] {
  return stage.needs.map((id) => {
    const state = stateOf(run.record(id));
    return state === 'failed' || state === 'skipped' ? state : 'done';
  });
}

/**
 * Brings one cell to its end: done, skipped or failed. What fails parks and waits for a person, be the fault the work's,
 * the plan's or this code's. The record says where it stands, so the same code goes on after a pause, a retry or
 * continue-as-new.
 */
async function runCell(run: Run, stage: PlanStage, cell: Cell, record: CellRecord): Promise<void> {
  while (!isOver(record)) {
    try {
      if (record.state === 'parked') await condition(() => record.state !== 'parked');
      else if (record.result === null) await perform(run, stage, cell, record);
      else await choose(run, stage, cell, record);
    } catch (error) {
      takeFailure(run, stage, record, error);
    }
  }
}

async function perform(run: Run, stage: PlanStage, cell: Cell, record: CellRecord): Promise<void> {
  const begin = (): void => run.mark(record, { state: 'running', error: null });
  const result = await run.gate.admitted(cell.id, onPauseOf(stage), begin, async () => {
    const round = record.rounds + 1;
    const asked = { reuse: run.reuse(stage.id), set: record.set };
    if (stage.plan !== null) {
      const child = childPlanOf(run.plan, stage.plan, cell, run.outputs, asked);
      run.mark(record, { rounds: round });
      return await performPipeline(run, child);
    }
    const input = ofThisRun(inputOf(run.plan, stage, cell, run.outputs, { ...asked, round }));
    run.mark(record, { rounds: round });
    const label = {
      activityId: activityIdOf(cell.id, round),
      summary: summaryOf(cell.id, input.with, cell.values),
      ...priorityOf(run.plan),
    };
    return await performStage(stage, input, label);
  });
  const attempts = record.attempts + result.attempt;
  for (const notice of result.notices ?? []) run.notice(`${cell.id}: ${notice}`);
  if (result.choices === null) {
    // Outputs once: what thousands of parts gave has to fit into one payload when the run continues as new.
    run.mark(record, { state: 'done', attempts, result: { ...result, outputs: null }, outputs: result.outputs });
    return;
  }
  run.mark(record, { attempts, result: { ...result, choices: result.choices.map(choiceOf) } });
}

async function choose(run: Run, stage: PlanStage, cell: Cell, record: CellRecord): Promise<void> {
  const chosen = record.chosen ?? (await decide(run, stage, record));
  const begin = (): void => run.mark(record, { state: 'running', chosen, chooseUntil: null, error: null });
  try {
    const { outputs } = await run.gate.admitted(cell.id, 'finish', begin, async () => {
      const asked = { reuse: run.reuse(stage.id), set: record.set, round: record.rounds };
      const input = { ...ofThisRun(inputOf(run.plan, stage, cell, run.outputs, asked)), chosen };
      return await performSelection(stage, input, {
        activityId: `select:${activityIdOf(cell.id, record.rounds)}`,
        summary: `${cell.id} · epoch ${chosen.epoch} · ${chosen.who}`,
        ...priorityOf(run.plan),
      });
    });
    run.mark(record, { state: 'done', outputs });
  } catch (error) {
    // The supernet is gone: a retry looks again at which epochs there are. Runs of 0.1.0 only chose the same once more.
    if (isEnding(error, 'BadInput') && patched('a refused choice is made anew')) {
      run.mark(record, { result: null, chosen: null });
    }
    throw error;
  }
}

async function decide(run: Run, { select }: PlanStage, record: CellRecord): Promise<ChosenEpoch> {
  const { rule, wait, timeoutMs } = select ?? plainSelect;
  const byRule = chosenByRule(rule, record.result?.choices ?? []);
  if (byRule === null) {
    run.mark(record, { result: null });
    throw new BadInput('expected an epoch to choose from, got none: the supernets are gone; retry the stage');
  }
  if (record.result?.chosen != null) return record.result.chosen;
  if (wait === 'none') return byRule;
  const until = record.chooseUntil ?? (timeoutMs === null ? null : Date.now() + timeoutMs);
  run.mark(record, { state: 'selecting', chooseUntil: until });
  const isChosen = (): boolean => record.chosen !== null;
  if (until === null) await condition(isChosen);
  else await condition(isChosen, Math.max(1, until - Date.now()));
  return record.chosen ?? byRule;
}

function priorityOf({ priority }: Plan): Pick<Plan, 'priority'> {
  return priority === undefined ? {} : { priority };
}

/** The order of attempts goes by when their run began. */
function ofThisRun(input: StageInput): StageInput {
  const { runStartTime, firstExecutionRunId } = workflowInfo();
  return { ...input, runStarted: runStartTime.getTime(), firstRun: firstExecutionRunId };
}

async function performPipeline(run: Run, child: Plan): Promise<StageResult> {
  const { outputs } = await executeChild<(plan: Plan) => Promise<{ outputs: JsonObject }>>(PIPELINE, {
    args: [child],
    workflowId: child.id,
    taskQueue: CONTROL_QUEUE,
    staticSummary: `${child.name}, a part of ${run.plan.id}`,
    ...(isSearchable() ? { typedSearchAttributes: [pipelineValue(child.name)] } : {}),
  });
  return { outputs, choices: null, chosen: null, attempt: 1, reused: null };
}

function onPauseOf({ plan, work }: PlanStage): OnPause {
  if (plan !== null) return 'tell';
  return work === 'heavy' ? 'stop' : 'finish';
}

/** How a cell goes on whose attempt gave no result. Throws only where the run is cancelled. */
function takeFailure(run: Run, { plan }: PlanStage, record: CellRecord, error: unknown): void {
  const attempts = record.attempts + attemptsOf(error);
  if (isCancellation(error)) {
    if (CancellationScope.current().consideredCancelled) throw error;
    // A pause cancels work of ours, but only tells a child to pause: somebody else has cancelled that.
    const end = { state: 'parked', error: 'its own run was cancelled; retry the stage to start that again' } as const;
    run.mark(record, plan === null ? { state: 'paused', attempts } : { ...end, attempts });
  } else if (isEnding(error, 'WorkerShutdown')) {
    // The worker left on purpose and a checkpoint is written: another worker takes over, and no attempt is used up.
    run.mark(record, { state: 'waiting', attempts });
  } else {
    run.mark(record, { state: 'parked', attempts, error: describe(error) });
  }
}

function isEnding(error: unknown, ending: Ending): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.type === ending;
}

// Failures of our activities carry their attempt as a detail; a lost worker's cannot.
function attemptsOf(error: unknown): number {
  if (error instanceof ChildWorkflowFailure) return 1;
  if (!(error instanceof ActivityFailure)) return 0;
  const [attempt] = error.cause instanceof ApplicationFailure ? (error.cause.details ?? []) : [];
  return typeof attempt === 'number' ? attempt : 1;
}

function describe(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const type = cause instanceof ApplicationFailure && cause.type != null ? `${cause.type}: ` : '';
  return `${type}${rootCause(error) ?? String(error)}`.slice(0, 2000);
}
