import { setHandler } from '@temporalio/workflow';
import {
  abortStageUpdate,
  parseActivityId,
  pauseSignal,
  resumeSignal,
  retryStageUpdate,
  selectEpochSignal,
  selectEpochUpdate,
  skipStageUpdate,
  statusQuery,
} from '../plan/messages.ts';
import type { Choice, RetryStage, SelectEpoch, StageMessage } from '../plan/messages.ts';
import type { PlanStage } from '../plan/plan.ts';
import { hasKey } from './inputs.ts';
import { chosenByPerson, worksNamed } from './records.ts';
import type { Work } from './records.ts';
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
  const { work, choice } = selectable(run, message);
  run.mark(work, { chosen: chosenByPerson(message) });
  return choice;
}

function retry(run: Run, message: RetryStage): string[] {
  const { set = {} } = message;
  const moved = retriable(run, message);
  for (const work of moved) {
    // Other values make another result; without any, a stage that failed to record its choice only does that again.
    const anew = Object.keys(set).length > 0 ? { result: null, chosen: null, set: { ...work.set, ...set } } : {};
    run.mark(work, { ...anew, state: 'waiting' });
  }
  return moved.map((work) => work.id);
}

function move(run: Run, message: StageMessage, change: Partial<Work>): string[] {
  const moved = parked(run, message);
  for (const work of moved) run.mark(work, change);
  return moved.map((work) => work.id);
}

function selectable(run: Run, message: SelectEpoch): { work: Work; choice: Choice } {
  const works = named(run, message, 'selectEpoch');
  const work = works.find(({ state }) => state === 'selecting');
  if (work === undefined || work.chosen !== null) {
    const state = work === undefined ? states(works) : `one with epoch ${work.chosen?.epoch} chosen already`;
    throw new Error(`selectEpoch ${message.stage}: expected a stage that waits for a choice, got ${state}`);
  }
  const choices = work.result?.choices ?? [];
  const choice = choices.find(({ key }) => key === message.epoch);
  if (choice !== undefined) return { work, choice };
  const known = choices.map(({ key }) => key).join(', ');
  throw new Error(`selectEpoch ${message.stage}: expected an epoch of ${known}, got ${JSON.stringify(message.epoch)}`);
}

function retriable(run: Run, message: RetryStage): Work[] {
  const works = parked(run, message);
  const { stage: id } = parseActivityId(message.stage);
  const stage = run.plan.stages.find((candidate) => candidate.id === id);
  for (const key of Object.keys(message.set ?? {})) {
    if (stage !== undefined && !hasKey(settable(stage), key)) {
      const known = Object.keys(settable(stage)).join(', ');
      throw new Error(`retryStage ${message.stage}: set.${key}: expected a key of the stage's with (${known})`);
    }
  }
  return works;
}

function settable(stage: PlanStage): PlanStage['with'] {
  return stage.plan === null ? stage.with : { params: stage.plan.params };
}

function parked(run: Run, message: StageMessage): Work[] {
  const works = named(run, message, 'stage');
  const found = works.filter(({ state }) => state === 'parked');
  if (found.length > 0) return found;
  throw new Error(`${message.stage}: expected a parked stage, got ${states(works)}`);
}

// Messages come from other programs and from people: nothing about their shape is sure.
function named(run: Run, message: unknown, what: string): Work[] {
  const name = typeof message === 'object' && message !== null && 'stage' in message ? message.stage : undefined;
  if (typeof name !== 'string') {
    throw new Error(`${what}: expected {"stage": "<id>", …}, got ${JSON.stringify(message)?.slice(0, 100)}`);
  }
  const works = worksNamed(run.records, name);
  if (works.length > 0) return works;
  const known = run.plan.stages.map(({ id }) => id).join(', ');
  throw new Error(`${what}: expected a stage of ${known}, got ${JSON.stringify(name.slice(0, 100))}`);
}

function states(works: readonly Work[]): string {
  return `one that is ${[...new Set(works.map(({ state }) => state))].join(', ')}`;
}

function noted(run: Run, action: () => unknown): void {
  try {
    action();
  } catch (error) {
    run.notice(error instanceof Error ? error.message : String(error));
  }
}
