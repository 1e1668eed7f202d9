import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  executeChild,
  isCancellation,
  rootCause,
} from '@temporalio/workflow';
import { holds } from '../plan/conditions.ts';
import type { NeedState } from '../plan/conditions.ts';
import { activityIdOf, CONTROL_QUEUE, PIPELINE } from '../plan/messages.ts';
import type { Plan, PlanStage } from '../plan/plan.ts';
import type { Ending } from '../plan/endings.ts';
import type { StageResult } from '../plan/results.ts';
import { summaryOf } from './details.ts';
import { childPlanOf, inputOf } from './inputs.ts';
import { performSelection, performStage } from './proxies.ts';
import { chosenByRule, isOver, plainSelect, stateOf } from './records.ts';
import type { Work } from './records.ts';
import { onPauseOf } from './run.ts';
import type { Run } from './run.ts';
import type { JsonObject } from '../plan/json.ts';

/**
 * Runs a stage to its end once its needs have ended: skipped if its condition does not hold, else all cells side by
 * side, each on its own. Rejects only when the run is cancelled, and then after every cell has stopped.
 */
export async function runStage(run: Run, stage: PlanStage, needs: readonly Promise<void>[]): Promise<void> {
  await Promise.all(needs);
  const { works } = run.record(stage.id);
  const untouched = works.every((work) => work.state === 'waiting' && work.rounds === 0);
  if (untouched && !isWanted(run, stage)) {
    for (const work of works) if (work.state === 'waiting') run.mark(work, { state: 'skipped' });
    return;
  }
  const cells = works.map((work, at) => runWork(run, stage, work, stage.matrix?.[at] ?? {}));
  const ends = await Promise.allSettled(cells);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

function isWanted(run: Run, stage: PlanStage): boolean {
  const needs = stage.needs.map((id): NeedState => {
    const state = stateOf(run.record(id));
    return state === 'failed' || state === 'skipped' ? state : 'done';
  });
  return holds(stage.if, run.scope(), needs);
}

export function isStageOver(run: Run, stage: PlanStage): boolean {
  return run.record(stage.id).works.every(isOver);
}

const shutdown: Ending = 'WorkerShutdown';

/**
 * Brings one stage, or one cell of it, to its end: done, skipped or failed. What fails parks and waits for a person.
 * The record says where it stands, so the same code goes on after a pause, a retry or continue-as-new.
 */
async function runWork(run: Run, stage: PlanStage, work: Work, cell: JsonObject): Promise<void> {
  while (!isOver(work)) {
    if (work.state === 'parked') await condition(() => work.state !== 'parked');
    else if (work.result === null) await perform(run, stage, work, cell);
    else await choose(run, stage, work, cell);
  }
}

async function perform(run: Run, stage: PlanStage, work: Work, cell: JsonObject): Promise<void> {
  const begin = (): void => run.mark(work, { state: 'running', error: null });
  try {
    const result = await run.gate.admitted(work.id, onPauseOf(stage), begin, async () => {
      const input = inputOf(run, stage, work, cell);
      run.mark(work, { rounds: input.round });
      if (stage.plan !== null) return await performPipeline(run, childPlanOf(run, stage, stage.plan, work, cell));
      const activityId = activityIdOf(work.id, input.round);
      return await performStage(stage, input, { activityId, summary: summaryOf(work.id, input.with, cell) });
    });
    const attempts = work.attempts + result.attempt;
    // Outputs once: what thousands of parts gave has to fit into one payload when the run continues as new.
    const { outputs } = result;
    if (result.choices === null)
      run.mark(work, { state: 'done', attempts, result: { ...result, outputs: null }, outputs });
    else run.mark(work, { attempts, result });
  } catch (error) {
    take(run, work, error);
  }
}

async function choose(run: Run, stage: PlanStage, work: Work, cell: JsonObject): Promise<void> {
  const chosen = work.chosen ?? (await decide(run, stage, work));
  const begin = (): void => run.mark(work, { state: 'running', chosen, chooseUntil: null, error: null });
  try {
    const { outputs } = await run.gate.admitted(work.id, 'finish', begin, async () => {
      const input = { ...inputOf(run, stage, work, cell), round: work.rounds, chosen };
      const activityId = `select:${activityIdOf(work.id, work.rounds)}`;
      return await performSelection(stage, input, {
        activityId,
        summary: `${work.id} · epoch ${chosen.epoch} · ${chosen.who}`,
      });
    });
    run.mark(work, { state: 'done', outputs });
  } catch (error) {
    take(run, work, error);
  }
}

async function decide(run: Run, stage: PlanStage, work: Work): Promise<NonNullable<Work['chosen']>> {
  const select = stage.select ?? plainSelect;
  const byRule = chosenByRule(select.rule, work.result?.choices ?? []);
  if (work.result?.chosen != null) return work.result.chosen;
  if (select.wait === 'none') return byRule;
  const until = work.chooseUntil ?? (select.timeoutMs === null ? null : Date.now() + select.timeoutMs);
  run.mark(work, { state: 'selecting', chooseUntil: until });
  const isChosen = (): boolean => work.chosen !== null;
  if (until === null) await condition(isChosen);
  else await condition(isChosen, Math.max(1, until - Date.now()));
  return work.chosen ?? byRule;
}

// How an attempt that gave no result goes on. Only a cancelled run throws.
function take(run: Run, work: Work, error: unknown): void {
  const attempts = work.attempts + attemptsOf(error);
  if (isCancellation(error)) {
    if (CancellationScope.current().consideredCancelled) throw error;
    run.mark(work, { state: 'paused', attempts });
  } else if (error instanceof ActivityFailure && isEnding(error.cause, shutdown)) {
    // The worker left on purpose and a checkpoint is written: another worker takes over, and no attempt is used up.
    run.mark(work, { state: 'waiting', attempts });
  } else {
    run.mark(work, { state: 'parked', attempts, error: describe(error) });
  }
}

async function performPipeline(run: Run, child: Plan): Promise<StageResult> {
  const { outputs } = await executeChild<(plan: Plan) => Promise<{ outputs: JsonObject }>>(PIPELINE, {
    args: [child],
    workflowId: child.id,
    taskQueue: CONTROL_QUEUE,
    staticSummary: `${child.name}, a part of ${run.plan.id}`,
  });
  return { outputs, choices: null, chosen: null, attempt: 1, reused: null };
}

function isEnding(cause: unknown, ending: Ending): cause is ApplicationFailure {
  return cause instanceof ApplicationFailure && cause.type === ending;
}

// Failures of our activities carry their attempt as a detail; a lost worker's cannot.
function attemptsOf(error: unknown): number {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  const [attempt] = cause instanceof ApplicationFailure ? (cause.details ?? []) : [];
  return typeof attempt === 'number' ? attempt : 1;
}

function describe(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const type = cause instanceof ApplicationFailure && cause.type != null ? `${cause.type}: ` : '';
  return `${type}${rootCause(error) ?? String(error)}`.slice(0, 2000);
}
