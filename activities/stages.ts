import { performStage } from './attempt.ts';
import type { StageAttempt } from './attempt.ts';
import { notify } from './notify.ts';
import { runProgram } from './program.ts';
import { selectEpoch } from './select-epoch.ts';
import { runTrainer } from './trainer.ts';
import { PhaseTrace } from '../nas/process/phase-trace.ts';
import { kinds } from '../pipelines/kinds/catalogue.ts';
import type { Kind } from '../pipelines/kinds/kind.ts';
import { KnownError } from '../plan/endings.ts';
import type { JsonObject } from '../plan/json.ts';
import type { StageInput, StageResult } from '../plan/results.ts';

/** The activities of a worker, one for each kind of stage in the catalogue, under the kind's name. */

type StageActivity = (input: StageInput) => Promise<StageResult>;

/** Stages of light work, which the worker does itself. */
export const lightStages = activitiesOf(
  'light',
  (kind) => (input) => performStage(input, (attempt) => work(kind, attempt)),
);

/** All that a worker does itself. */
export const lightActivities = { ...lightStages, 'select-epoch': selectEpoch, notify };

/** Heavy work, each on a device of the pool. */
export function heavyActivities(pool: DevicePool): Readonly<Record<string, StageActivity>> {
  return activitiesOf(
    'heavy',
    (kind) => (input) => pool.use((device) => performStage(input, (attempt) => work(kind, attempt), device)),
  );
}

function activitiesOf(sort: Kind['work'], activityOf: (kind: Kind) => StageActivity): Record<string, StageActivity> {
  const some = [...kinds.values()].filter((kind) => kind.work === sort && kind.runsAs !== 'pipeline');
  return Object.fromEntries(some.map((kind) => [kind.name, activityOf(kind)]));
}

/** Does what the catalogue says: the outputs of the stage. */
async function work(kind: Kind, attempt: StageAttempt): Promise<JsonObject> {
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

/** The devices of a worker, one heavy activity each: `cpu`, `gpu:0`, `gpu:1` … */
export class DevicePool {
  readonly size: number;
  readonly #free: string[];

  constructor(devices: readonly string[]) {
    this.size = devices.length;
    this.#free = [...devices];
  }

  /** Runs `body` on a free device. The worker has as many slots as devices, so one is always free. */
  async use<T>(body: (device: string) => Promise<T>): Promise<T> {
    const device = this.#free.shift();
    if (device === undefined) throw new Error('devices: expected a free one, got none; give the worker fewer slots');
    try {
      return await body(device);
    } finally {
      this.#free.push(device);
    }
  }
}
