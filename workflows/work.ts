import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  executeChild,
  isCancellation,
  rootCause,
} from '@temporalio/workflow';
import type { Ending, StageResult } from '../activities/contract.ts';
import type { JsonObject, Plan, PlanStage } from '../pipelines/plan.ts';
import { summaryOf } from './details.ts';
import { childPlanOf, inputOf } from './inputs.ts';
import { activityIdOf, CONTROL_QUEUE, PIPELINE } from './messages.ts';
import { performSelection, performStage } from './proxies.ts';
import { isOver } from './records.ts';
import type { Work } from './records.ts';
import { onPauseOf } from './run.ts';
import type { Run } from './run.ts';
import { chosenByRule, plainSelect } from './selection.ts';

const shutdown: Ending = 'WorkerShutdown';

/**
 * Brings one stage, or one cell of it, to its end: done, skipped or failed. What fails parks and waits for a person.
 * The record says where it stands, so the same code goes on after a pause, a retry or continue-as-new.
 */
export async function runWork(run: Run, stage: PlanStage, work: Work, cell: JsonObject): Promise<void> {
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
