import pc from 'picocolors';
import type { StageState, StageStatus } from '../../workflows/messages.ts';
import { epochOf, tau } from './format.ts';

const marks: Readonly<Record<StageState, string>> = {
  waiting: pc.dim('·'),
  running: pc.cyan('▶'),
  paused: pc.yellow('‖'),
  selecting: pc.yellow('?'),
  parked: pc.red('!'),
  failed: pc.red('✗'),
  skipped: pc.dim('-'),
  reused: pc.green('↺'),
  done: pc.green('✓'),
};

/** One coloured character for a state. */
export function markOf(state: StageState): string {
  return marks[state];
}

/** What a stage has reached: its epoch (the chosen one once done), its tau, its cells. */
export function reached(stage: StageStatus): string[] {
  return [
    stage.epoch === undefined ? '' : `epoch ${epochOf(stage.epoch, stage.epochs)}`,
    stage.tau === undefined ? '' : `tau ${tau(stage.tau, stage.interval)}`,
    stage.cells === undefined ? '' : `${stage.cells.done}/${stage.cells.total} cells`,
  ];
}

/** The commands that move a stage on which waits for a person; none for every other. */
export function waysOn(run: string, stage: StageStatus): string[] {
  if (stage.state === 'selecting') return [`nas select ${run} ${stage.id} EPOCH`];
  const parked = stage.state === 'parked' || (stage.cells?.parked.length ?? 0) > 0;
  return parked ? ['retry', 'skip', 'abort'].map((verb) => `nas ${verb} ${run} ${stage.id}`) : [];
}

/** `epoch 7: tau 0.612 [0.401, 0.780]`, one for each epoch that can be chosen. */
export function choicesOf(stage: StageStatus): string[] {
  return (stage.choices ?? []).map(
    ({ key, score, interval }) =>
      `epoch ${key}: tau ${score === null ? 'undefined' : tau(score, interval ?? undefined)}`,
  );
}
