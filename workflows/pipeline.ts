import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  workflowInfo,
} from '@temporalio/workflow';
import type { Json, JsonObject } from '../plan/json.ts';
import type { Plan } from '../plan/plan.ts';
import { listen } from './listen.ts';

export { notify } from './notify.ts';

import { outputsIn, recordsFrom, stateOf } from './records.ts';
import type { Records } from './records.ts';
import { Run } from './run.ts';
import { isStageOver, runStage } from './stage.ts';

interface PipelineResult {
  /** Outputs by stage; null for a stage that was skipped. */
  readonly outputs: JsonObject;
}

/**
 * The interpreter: runs the stages of a plan, independent ones side by side, and ends when every stage has. It fails if
 * a stage was given up. `carried` is what a run that continued as new knows of itself.
 */
export async function pipeline(given: Plan, carried?: Records): Promise<PipelineResult> {
  refuseUnknown(given);
  const plan = withOwnId(given);
  const run = new Run(plan, recordsFrom(plan, carried));
  listen(run);
  run.show();
  const walked = walk(run);
  const isQuiet = CancellationScope.nonCancellable(() => condition(() => run.shouldContinueAsNew()));
  await Promise.race([walked, isQuiet]);
  await condition(allHandlersFinished);
  if (plan.stages.every((stage) => isStageOver(run, stage))) return await end(run);
  await run.notifier.settled();
  return await continueAsNew<typeof pipeline>(plan, run.records);
}

// A schedule starts one plan again and again: the server adds the time to the id of each run.
function withOwnId(plan: Plan): Plan {
  const { searchAttributes, workflowId } = workflowInfo();
  return 'TemporalScheduledById' in searchAttributes ? { ...plan, id: workflowId } : plan;
}

async function walk(run: Run): Promise<void> {
  const ends = new Map<string, Promise<void>>();
  // In topological order, so every need is there before the stage that has it.
  for (const stage of run.plan.stages) {
    const needs = stage.needs.flatMap((id) => ends.get(id) ?? []);
    ends.set(stage.id, runStage(run, stage, needs));
  }
  // Waits for all, also when cancelled: a trainer has to write its checkpoint before the run is over.
  const settled = await Promise.allSettled(ends.values());
  for (const one of settled) {
    if (one.status === 'fulfilled') continue;
    if (isCancellation(one.reason)) run.end('cancelled');
    else run.show();
    throw one.reason;
  }
}

async function end(run: Run): Promise<PipelineResult> {
  const failed = run.plan.stages.filter((stage) => stateOf(run.record(stage.id)) === 'failed').map(({ id }) => id);
  const ending = failed.length > 0 ? 'failed' : 'done';
  run.end(ending, failed.length > 0 ? `given up: ${failed.join(', ')}` : null);
  const { id } = run.plan;
  const text = failed.length > 0 ? `${id}: failed, given up: ${failed.join(', ')}` : `${id}: done`;
  run.notifier.tell(ending, null, text, [failed.length > 0 ? `nas status ${id}` : `nas report ${id}`]);
  await run.notifier.settled();
  if (failed.length > 0) {
    throw ApplicationFailure.nonRetryable(`run ${run.plan.id}: given up: ${failed.join(', ')}`, 'StageFailed');
  }
  const outputs = run.plan.stages.map((stage): [string, Json] => [stage.id, outputsIn(stage, run.record(stage.id))]);
  return { outputs: Object.fromEntries(outputs) };
}

// Plans come from clients of other releases, and from people, whatever the type says.
function refuseUnknown(plan: unknown): void {
  const given = typeof plan === 'object' && plan !== null ? plan : {};
  const version = 'version' in given ? given.version : undefined;
  const stages = 'stages' in given && Array.isArray(given.stages) ? given.stages : null;
  if (version === 1 && stages?.every(isStage) === true) return;
  const what = 'id' in given && typeof given.id === 'string' ? `plan ${given.id}` : 'input';
  const got = version === 1 ? 'one with other stages' : JSON.stringify(version ?? plan)?.slice(0, 100);
  throw ApplicationFailure.nonRetryable(
    `${what}: expected a plan of version 1, got ${got}; start it with \`nas start\` of the release that runs the workers`,
    'PlanVersion',
  );
}

function isStage(stage: unknown): boolean {
  return typeof stage === 'object' && stage !== null && 'id' in stage && 'needs' in stage && 'matrix' in stage;
}
