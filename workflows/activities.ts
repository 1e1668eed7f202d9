import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { ActivityOptions } from '@temporalio/workflow';
import { endsForGood, longestWaitMs } from '../plan/endings.ts';
import { CONTROL_QUEUE, devicesOf, queueOf } from '../plan/names.ts';
import type { PlanStage, Priority } from '../plan/plan.ts';
import type { SelectInput, StageInput, StageResult } from '../plan/results.ts';

/** How the interpreter calls activities: queues, time limits, attempts. */

/** What an activity is called in its run, what people read on its bar in the timeline, and before whose work it goes. */
interface Label {
  readonly activityId: string;
  readonly summary: string;
  readonly priority?: Priority;
}

/** Of work whose stage names none. */
const LIGHT_HEARTBEAT_MS = 30_000;

/** Runs the activity that `uses` names. */
export async function performStage(stage: PlanStage, input: StageInput, label: Label): Promise<StageResult> {
  const { initialIntervalMs, backoffCoefficient } = stage.retry;
  const activities = proxyActivities<Record<string, (input: StageInput) => Promise<StageResult>>>({
    ...optionsOf(stage, label),
    taskQueue: queueOf(stage.queue, devicesOf(input.with)),
    startToCloseTimeout: stage.timeout.startToCloseMs,
    retry: {
      // As many as it takes: the activity counts those that saved nothing, and fails for good when they are too many.
      initialInterval: initialIntervalMs,
      backoffCoefficient,
      maximumInterval: longestWaitMs(stage.retry),
      // A worker without such an activity is of another release.
      nonRetryableErrorTypes: [...endsForGood, 'NotFoundError'],
    },
  });
  // The proxy has a function for every name.
  return await activities[stage.uses]!(input);
}

/** Records which epoch was chosen; the stage's outputs come back. */
export async function performSelection(stage: PlanStage, input: SelectInput, label: Label): Promise<StageResult> {
  const activities = proxyActivities<{ 'select-epoch': (input: SelectInput) => Promise<StageResult> }>({
    ...optionsOf(stage, label),
    taskQueue: CONTROL_QUEUE,
    startToCloseTimeout: '10 minutes',
    retry: { maximumAttempts: 5, nonRetryableErrorTypes: [...endsForGood] },
  });
  return await activities['select-epoch'](input);
}

// All of them heartbeat: a lost worker is noticed by that, long before the time-out.
function optionsOf({ timeout }: PlanStage, label: Label): ActivityOptions {
  return {
    ...label,
    heartbeatTimeout: timeout.heartbeatMs ?? LIGHT_HEARTBEAT_MS,
    // Left out, the server would not wait, and a cancelled run would end before its trainers have.
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  };
}
