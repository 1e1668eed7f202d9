import { activityInfo, ApplicationFailure, Context, heartbeat } from '@temporalio/activity';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from '../../plan/json.ts';
import type { SelectInput, StageInput, StageResult } from '../../plan/results.ts';
import { EPOCHS } from './run-model.ts';

/** How a piece of work is told to end: `lose` is a worker that is gone without a word, `move on` one that leaves on purpose. */
export type Order = 'finish' | 'fail' | 'move on' | 'lose';

/** A piece of work that goes on until it is told how to end. */
class HeldWork {
  readonly round: string;
  order: Order | null;

  constructor({ directory, round }: StageInput) {
    // A sub-pipeline that begins anew counts its rounds from the first.
    this.round = `${activityInfo().workflowExecution?.runId} ${directory} ${round}`;
    this.order = told.get(this.round) ?? null;
  }
}

/** How a round was told to end. What the server tries again, for a busy machine was late with a heartbeat, ends so too. */
const told = new Map<string, Order>();

/** What is at work, by its folder. */
const atWork = new Map<string, HeldWork>();

export function isAtWork(directory: string): boolean {
  return atWork.has(directory);
}

/** Ends a piece of work, and returns when it has ended. */
export async function tell(directory: string, order: Order): Promise<void> {
  const work = atWork.get(directory);
  if (work === undefined) throw new Error(`${directory}: nothing is at work`);
  work.order = order;
  if (order !== 'lose') told.set(work.round, order);
  while (atWork.get(directory) === work) await sleep(10);
}

/** The last two are equally good. */
function tauOf(epoch: number): number {
  return Math.min(0.6, 0.4 + 0.2 * epoch);
}

async function held(input: StageInput): Promise<void> {
  const { directory } = input;
  const work = new HeldWork(input);
  atWork.set(directory, work);
  const { cancellationSignal } = Context.current();
  try {
    while (work.order === null || work.order === 'lose') {
      if (work.order === null) heartbeat();
      await sleep(20, undefined, { signal: cancellationSignal });
      if (work.order === 'lose' && atWork.get(directory) !== work) return;
    }
    if (work.order === 'finish') return;
    const type = work.order === 'fail' ? 'Crashed' : 'WorkerShutdown';
    throw ApplicationFailure.create({
      type,
      message: 'told to',
      nonRetryable: true,
      details: [activityInfo().attempt],
    });
  } finally {
    if (atWork.get(directory) === work) atWork.delete(directory);
  }
}

const nothing = { outputs: null, choices: null, chosen: null, reused: null };

async function result(outputs: JsonObject | null, choices: StageResult['choices'] = null): Promise<StageResult> {
  return { ...nothing, outputs, choices, attempt: activityInfo().attempt };
}

/** Activities of a run whose work is in a test's hand. */
export const heldActivities = {
  async held(input: StageInput): Promise<StageResult> {
    await held(input);
    return await result({ value: input.with['value'] ?? null });
  },
  async 'held-epochs'(input: StageInput): Promise<StageResult> {
    await held(input);
    const epochs = Array.from({ length: EPOCHS }, (_, epoch) => epoch);
    return await result(
      null,
      epochs.map((epoch) => ({ epoch, tau: tauOf(epoch), interval: null })),
    );
  },
  async 'select-epoch'({ chosen }: SelectInput): Promise<StageResult> {
    return await result({ epoch: chosen.epoch });
  },
};
