import pc from 'picocolors';
import type { RunStatus, StageStatus } from '../../workflows/messages.ts';
import { columns } from './columns.ts';
import { epochOf, tau } from './format.ts';
import { choicesOf, markOf, waysOn } from './stage-words.ts';

/** The stages of a run as a table, and below it what went wrong, what can be chosen, and how to act. */
export function statusTable(status: RunStatus): string {
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
  const notes = [...status.stages.flatMap((stage) => notesOn(status.id, stage)), ...status.notices];
  const table = [`${pc.bold(status.id)} ${status.state}`, '', ...columns([shown, ...rows])];
  return [...table, ...(notes.length > 0 ? ['', ...notes] : [])].join('\n');
}

function notesOn(run: string, stage: StageStatus): string[] {
  const notes = [
    ...(stage.error === undefined ? [] : [stage.error]),
    ...(stage.reason === undefined ? [] : [stage.reason]),
    ...Object.entries(stage.set ?? {}).map(([key, value]) => `retried with ${key}=${JSON.stringify(value)}`),
    ...choicesOf(stage),
    ...waysOn(run, stage).map((command) => `go on with \`${command}\``),
  ];
  return notes.map((note) => `${stage.id}: ${note}`);
}
