import { ApplicationFailure, setHandler } from '@temporalio/workflow';
import type { Choice } from '../plan/choice.ts';
import { isSettable, settable } from '../plan/inputs.ts';
import {
  abortStageUpdate,
  pauseSignal,
  resumeSignal,
  retryStageUpdate,
  selectEpochSignal,
  selectEpochUpdate,
  skipStageUpdate,
  statusQuery,
} from '../plan/messages.ts';
import type { RetryStage, SelectEpoch, StageMessage } from '../plan/messages.ts';
import { parseActivityId } from '../plan/names.ts';
import { cellsNamed } from './records.ts';
import type { CellRecord } from './records.ts';
import type { Run } from './run.ts';

/** Sets every handler of a run. What a message asks is checked first: a bad update is refused, a bad signal noted. */
export function listen(run: Run): void {
  setHandler(statusQuery, () => run.status(), {
    description: 'Every stage: its state, chosen epoch, tau, files, errors',
  });
  setHandler(pauseSignal, () => run.pause(), { description: 'Stop running stages at a checkpoint and start none' });
  setHandler(resumeSignal, () => run.resume(), { description: 'Go on after pause' });

  setHandler(selectEpochUpdate, (message) => select(run, message), {
    validator: (message) => void selectable(run, message),
    description: 'Choose the epoch a stage passes on: {"stage": "few-shot-3", "epoch": 4, "who"?, "why"?}',
  });
  setHandler(selectEpochSignal, (message) => noted(run, () => select(run, message)), {
    description: 'As the update selectEpoch, without an answer',
  });
  setHandler(retryStageUpdate, (message) => retry(run, message), {
    validator: (message) => void retriable(run, message),
    description: 'Try a parked stage again: {"stage": "few-shot-3", "set"?: {"optimizer.momentum": 0.8}}',
  });
  setHandler(skipStageUpdate, (message) => move(run, message, { state: 'skipped', error: null }), {
    validator: (message) => void parked(run, message),
    description: 'Go on without a parked stage; what needs it is skipped: {"stage": "few-shot-3"}',
  });
  setHandler(abortStageUpdate, (message) => move(run, message, { state: 'failed' }), {
    validator: (message) => void parked(run, message),
    description: 'Give a parked stage up; the run fails when all else has ended: {"stage": "few-shot-3"}',
  });
}

function select(run: Run, message: SelectEpoch): Choice {
  const { cell, choice } = selectable(run, message);
  const { epoch, who = 'a person', why = '' } = message;
  run.mark(cell, { chosen: { epoch, by: 'person', who, why } });
  return choice;
}

function retry(run: Run, message: RetryStage): string[] {
  const { set = {} } = message;
  const moved = retriable(run, message);
  for (const cell of moved) {
    // Other values make another result; without any, a stage that failed to record its choice only does that again.
    const anew = Object.keys(set).length > 0 ? { result: null, chosen: null, set: { ...cell.set, ...set } } : {};
    run.mark(cell, { ...anew, state: 'waiting' });
  }
  return moved.map(({ id }) => id);
}

function move(run: Run, message: StageMessage, change: Partial<CellRecord>): string[] {
  const moved = parked(run, message);
  for (const cell of moved) run.mark(cell, change);
  return moved.map(({ id }) => id);
}

function selectable(run: Run, message: SelectEpoch): { cell: CellRecord; choice: Choice } {
  const cells = named(run, message, 'selectEpoch');
  const cell = cells.find(({ state }) => state === 'selecting');
  if (cell === undefined || cell.chosen !== null) {
    const state = cell === undefined ? states(cells) : `one with epoch ${cell.chosen?.epoch} chosen already`;
    throw refusal(`selectEpoch ${message.stage}: expected a stage that waits for a choice, got ${state}`);
  }
  const choices = cell.result?.choices ?? [];
  const choice = choices.find(({ epoch }) => epoch === message.epoch);
  if (choice !== undefined) return { cell, choice };
  const known = choices.map(({ epoch }) => epoch).join(', ');
  throw refusal(`selectEpoch ${message.stage}: expected an epoch of ${known}, got ${JSON.stringify(message.epoch)}`);
}

function retriable(run: Run, message: RetryStage): CellRecord[] {
  const cells = parked(run, message);
  const { stage: id } = parseActivityId(message.stage);
  const stage = run.plan.stages.find((candidate) => candidate.id === id);
  for (const key of Object.keys(message.set ?? {})) {
    if (stage !== undefined && !isSettable(stage, key)) {
      const known = Object.keys(settable(stage)).join(', ');
      throw refusal(`retryStage ${message.stage}: set.${key}: expected a key of the stage's with (${known})`);
    }
  }
  return cells;
}

function parked(run: Run, message: StageMessage): CellRecord[] {
  const cells = named(run, message, 'stage');
  const found = cells.filter(({ state }) => state === 'parked');
  if (found.length > 0) return found;
  throw refusal(`${message.stage}: expected a parked stage, got ${states(cells)}`);
}

// Messages come from other programs and from people: nothing about their shape is sure.
function named(run: Run, message: unknown, what: string): CellRecord[] {
  const name = typeof message === 'object' && message !== null && 'stage' in message ? message.stage : undefined;
  if (typeof name !== 'string') {
    throw refusal(`${what}: expected {"stage": "<id>", …}, got ${JSON.stringify(message)?.slice(0, 100)}`);
  }
  const cells = cellsNamed(run.records, name);
  if (cells.length > 0) return cells;
  const known = run.plan.stages.map(({ id }) => id).join(', ');
  throw refusal(`${what}: expected a stage of ${known}, got ${JSON.stringify(name.slice(0, 100))}`);
}

function states(cells: readonly CellRecord[]): string {
  return `one that is ${[...new Set(cells.map(({ state }) => state))].join(', ')}`;
}

// Any other error in a handler would fail the workflow task, again and again.
function refusal(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'Refused');
}

function noted(run: Run, action: () => unknown): void {
  try {
    action();
  } catch (error) {
    run.notice(error instanceof Error ? error.message : String(error));
  }
}
