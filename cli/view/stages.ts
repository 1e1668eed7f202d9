import pc from 'picocolors';
import { columns } from './format.ts';
import { workInWords } from './progress.ts';
import type { RunView, Work } from '../../runs/run.ts';
import type { StageState, StageStatus } from '../../plan/messages.ts';
import { epochOf, tau } from '../../report/format.ts';

const marks: Readonly<Record<StageState, string>> = {
  waiting: pc.dim('·'),
  running: pc.cyan('▶'),
  paused: pc.yellow('‖'),
  stopped: pc.dim('■'),
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
function choicesOf(stage: StageStatus): string[] {
  return (stage.choices ?? []).map(
    (choice) =>
      `epoch ${choice.epoch}: tau ${choice.tau === null ? 'undefined' : tau(choice.tau, choice.interval ?? undefined)}`,
  );
}

/** The stages of a run as a table, and below it how far those at work are, what went wrong, what can be chosen, and how to act. */
export function statusTable({ status, work }: Pick<RunView, 'status' | 'work'>): string {
  const head = ['  stage', 'state', 'epoch', 'tau', 'cells', 'attempts', 'supernet'];
  const rows = status.stages.map((stage) => [
    `${markOf(stage.state)} ${stage.id}`,
    stage.state,
    stage.epoch === undefined ? '' : epochOf(stage.epoch, stage.epochs),
    stage.tau === undefined ? '' : tau(stage.tau, stage.interval),
    stage.cells === undefined ? '' : `${stage.cells.done}/${stage.cells.total}`,
    stage.attempts > 0 ? String(stage.attempts) : '',
    stage.supernet ?? '',
  ]);
  // A column that no stage fills is not worth its heading.
  const shown = head.map((title, column) => (rows.some((row) => row[column] !== '') ? pc.dim(title) : ''));
  const notes = [...status.stages.flatMap((stage) => notesOn(status.id, stage, work)), ...status.notices];
  const table = [`${pc.bold(status.id)} ${status.state}`, '', ...columns([shown, ...rows])];
  return [...table, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}

function notesOn(run: string, stage: StageStatus, work: readonly Work[]): string[] {
  const notes = [
    ...(stage.error === undefined ? [] : [stage.error]),
    ...(stage.reason === undefined ? [] : [stage.reason]),
    ...Object.entries(stage.set ?? {}).map(([key, value]) => `retried with ${key}=${JSON.stringify(value)}`),
    ...choicesOf(stage),
    ...waysOn(run, stage).map((command) => `go on with \`${command}\``),
  ];
  const atWork = work.filter((piece) => piece.stage === stage.id).map(workNote);
  return [...atWork, ...notes.map((note) => `${stage.id}: ${note}`)];
}

function workNote(work: Work): string {
  const name = work.cell === null ? work.stage : `${work.stage}.${work.cell}`;
  return `${name}: ${work.waits ?? (work.queued ? 'waits for a worker' : workInWords(work, null).join(', ') || 'begins')}`;
}
