import { endings } from '../plan/endings.ts';
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import { CONTROL_QUEUE } from '../plan/messages.ts';
import type { PlanStage } from '../plan/plan.ts';
import type { SelectInput, StageInput, StageResult } from '../plan/results.ts';

/** Ends that a further attempt would only repeat, or that the interpreter answers itself. */
const endsForGood = Object.entries(endings).flatMap(([name, follows]) => (follows === 'is tried again' ? [] : [name]));

/** Of work whose stage names none. */
const LIGHT_HEARTBEAT_MS = 30_000;

type StageActivity = (input: StageInput) => Promise<StageResult>;

/**
 * Runs the activity that `uses` names. All of them heartbeat: a lost worker is noticed by that, long before the time-out.
 */
export async function performStage(
  stage: PlanStage,
  input: StageInput,
  { activityId, summary }: { activityId: string; summary: string },
): Promise<StageResult> {
  const activities = proxyActivities<Record<string, StageActivity>>({
    activityId,
    summary,
    taskQueue: stage.queue,
    // Said aloud: left out, the server does not wait, and a cancelled run would end before its trainers have.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    startToCloseTimeout: stage.timeout.startToCloseMs,
    heartbeatTimeout: stage.timeout.heartbeatMs ?? LIGHT_HEARTBEAT_MS,
    retry: retryOf(stage),
  });
  // The proxy has a function for every name.
  return await activities[stage.uses]!(input);
}

/** Records which epoch was chosen; the stage's outputs come back. */
export async function performSelection(
  stage: PlanStage,
  input: SelectInput,
  { activityId, summary }: { activityId: string; summary: string },
): Promise<StageResult> {
  const activities = proxyActivities<{ 'select-epoch': (input: SelectInput) => Promise<StageResult> }>({
    activityId,
    summary,
    taskQueue: CONTROL_QUEUE,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: stage.timeout.heartbeatMs ?? LIGHT_HEARTBEAT_MS,
    retry: { maximumAttempts: 5, nonRetryableErrorTypes: [...endsForGood] },
  });
  return await activities['select-epoch'](input);
}

function retryOf(stage: PlanStage): NonNullable<ActivityOptions['retry']> {
  return {
    maximumAttempts: stage.retry.maximumAttempts,
    initialInterval: stage.retry.initialIntervalMs,
    backoffCoefficient: stage.retry.backoffCoefficient,
    maximumInterval: '5 minutes',
    nonRetryableErrorTypes: [...endsForGood],
  };
}
