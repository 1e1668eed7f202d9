import { activityInfo } from '@temporalio/activity';
import { performStage } from './attempt.ts';
import type { StageAttempt } from './attempt.ts';
import { onDevices } from './device-pool.ts';
import type { DevicePool } from './device-pool.ts';
import { nameOfEnding } from './endings.ts';
import { StageMetrics } from './metrics.ts';
import { notifier } from './notify.ts';
import { checkPermitted } from './permissions.ts';
import type { Permissions } from './permissions.ts';
import type { PhaseClock } from './progress.ts';
import { runProgram } from './program.ts';
import { selectEpoch } from './select-epoch.ts';
import { AttemptSpan } from './spans.ts';
import { runTrainer } from './trainer.ts';
import { runOf } from '../artifacts/catalogue.ts';
import { resultsRoot } from '../artifacts/paths.ts';
import { rememberSoon } from '../artifacts/run-results.ts';
import { PhaseTrace } from '../nas/process/phase-trace.ts';
import { kinds } from '../pipelines/kinds/catalogue.ts';
import type { Kind } from '../pipelines/kinds/kind.ts';
import { KnownError } from '../plan/endings.ts';
import type { JsonObject } from '../plan/json.ts';
import type { StageInput, StageResult } from '../plan/results.ts';
import { cacheFolder } from '../runtime/layout.ts';

/** The activities of a worker, one for each kind of stage in the catalogue, under the kind's name. */

type StageActivity = (input: StageInput) => Promise<StageResult>;

/** Stages of light work, which the worker does itself. */
export function lightStages(permissions: Permissions): Readonly<Record<string, StageActivity>> {
  return activitiesOf('light', (kind) => (input) => perform(kind, input, permissions));
}

/** All that a worker does itself. */
export function lightActivities(permissions: Permissions) {
  return { ...lightStages(permissions), 'select-epoch': selectEpoch, notify: notifier(permissions) };
}

/** Heavy work, each stage on as many devices of the pool as it has ranks. */
export function heavyActivities(pool: DevicePool, permissions: Permissions): Readonly<Record<string, StageActivity>> {
  return activitiesOf(
    'heavy',
    (kind) => (input) => onDevices(pool, input, (devices) => perform(kind, input, permissions, devices)),
  );
}

/** One attempt, told to whoever watches the worker. */
async function perform(
  kind: Kind,
  input: StageInput,
  permissions: Permissions,
  devices?: readonly string[],
): Promise<StageResult> {
  const { attempt: tried, currentAttemptScheduledTimestampMs: scheduled } = activityInfo();
  const metrics = new StageMetrics(input, kind, Date.now() - scheduled);
  const span = new AttemptSpan(input, tried, devices?.join() ?? 'cpu');
  const seen: { phases?: PhaseClock } = {};
  const watched = async (attempt: StageAttempt): Promise<JsonObject> => {
    seen.phases = attempt.phases;
    const report = (progress: unknown): void => {
      metrics.take(progress);
      span.take(progress);
      attempt.report(progress);
    };
    return await work(kind, { ...attempt, report }, permissions);
  };
  let ending = 'done';
  let failure: string | null = null;
  try {
    const result = await performStage(input, watched, devices);
    if (result.reused !== null) ending = 'reused';
    return result;
  } catch (error) {
    ending = nameOfEnding(error);
    failure = error instanceof Error ? error.message : String(error);
    throw error;
  } finally {
    metrics.end(ending, seen.phases?.seconds() ?? null);
    span.end(ending, failure);
    rememberSoon(resultsRoot(), runOf(input.directory), cacheFolder());
  }
}

function activitiesOf(sort: Kind['work'], activityOf: (kind: Kind) => StageActivity): Record<string, StageActivity> {
  const some = [...kinds.values()].filter((kind) => kind.work === sort && kind.runsAs !== 'pipeline');
  return Object.fromEntries(some.map((kind) => [kind.name, activityOf(kind)]));
}

/** Does what the catalogue says: the outputs of the stage. */
async function work(kind: Kind, attempt: StageAttempt, permissions: Permissions): Promise<JsonObject> {
  checkPermitted(permissions, kind, attempt.input);
  try {
    return await run(attempt);
  } catch (error) {
    const ending = error instanceof KnownError ? error.ending : null;
    if (ending === null || kind.endings.includes(ending)) throw error;
    const message = `${kind.name}: expected an ending that its entry in the catalogue names, got ${ending}: ${String(error)}`;
    throw new KnownError('Crashed', message, { cause: error });
  }
}

async function run(attempt: StageAttempt): Promise<JsonObject> {
  const { runs, input } = attempt;
  if (runs.as === 'process') return await runTrainer(attempt, runs.entry);
  if (runs.as === 'program') return await runProgram(attempt, runs.program);
  if (runs.as === 'pipeline') throw new TypeError(`${input.stage}: a pipeline is run by the workflow, not by a worker`);
  const trace = new PhaseTrace(input.directory);
  trace.enter(runs.phase);
  return await runs.perform(attempt.stage).finally(() => trace.enter(null));
}
