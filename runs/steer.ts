import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isGrpcServiceError, ServiceError, WorkflowNotFoundError } from '@temporalio/client';
import type { Client } from '@temporalio/client';
import type { UpdateDefinition } from '@temporalio/common';
import { answered } from './run.ts';
import type { Choice } from '../plan/choice.ts';
import type { RetryStage, SelectEpoch } from '../plan/messages.ts';
import {
  abortStageUpdate,
  pauseSignal,
  resumeSignal,
  retryStageUpdate,
  selectEpochUpdate,
  skipStageUpdate,
} from '../plan/messages.ts';

// What a person says to a run, by a command or by a button.

/** To the whole of it; there is no answer. */
export type RunOrder = 'pause' | 'resume' | 'cancel';

/** About a parked stage. */
export type StageOrder = 'retry' | 'skip' | 'abort';

const updates = { retry: retryStageUpdate, skip: skipStageUpdate, abort: abortStageUpdate };

export async function orderRun({ workflow }: Client, run: string, order: RunOrder): Promise<void> {
  const handle = workflow.getHandle(run);
  if (order === 'cancel') {
    // The server takes this of a run that is over, and nothing comes of it.
    const { closeTime } = await handle.describe();
    if (closeTime !== undefined) throw new WorkflowNotFoundError('the run is over', run, undefined);
    await handle.cancel();
  } else await handle.signal(order === 'pause' ? pauseSignal : resumeSignal);
}

/** Moves a parked stage on. Answers with the pieces of work that were moved; a message that cannot be is refused. */
export async function orderStage(
  client: Client,
  run: string,
  order: StageOrder,
  message: RetryStage,
): Promise<string[]> {
  return await send(client, run, updates[order], message);
}

/** Chooses the epoch that a stage hands on; one that it does not have is refused. */
export async function chooseEpoch(client: Client, run: string, message: SelectEpoch): Promise<Choice> {
  return await send(client, run, selectEpochUpdate, message);
}

const MOST_TRIES = 5;

/** Sends a message until it is answered. It has an id, so it is carried out once, however often it is sent. */
async function send<Result, Message>(
  client: Client,
  run: string,
  update: UpdateDefinition<Result, [Message]>,
  message: Message,
): Promise<Result> {
  const handle = client.workflow.getHandle(run);
  const updateId = randomUUID();
  for (let tries = 1; ; tries++) {
    try {
      return await answered(client, () => handle.executeUpdate(update, { args: [message], updateId }));
    } catch (error) {
      if (tries === MOST_TRIES || !isLost(error)) throw error;
      await sleep(100);
    }
  }
}

// A message that ends a run, just when something happens there, is lost with the step that it was part of.
function isLost(error: unknown): boolean {
  const { cause } = error instanceof ServiceError ? error : {};
  return isGrpcServiceError(cause) && cause.details.includes('unexpected workflow task failure');
}
