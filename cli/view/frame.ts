import pc from 'picocolors';
import { bar, columns } from './format.ts';
import type { RunView, Work } from '../../runs/run.ts';
import { fractionOf, workInWords } from './progress.ts';
import type { Pace } from './progress.ts';
import { markOf, reached, waysOn } from './stages.ts';
import type { StageStatus } from '../../plan/messages.ts';
import { duration } from '../../report/format.ts';

const BAR = 12;

/** One picture of a run for a terminal: a line a stage, a bar for what runs, a line a running cell. `now` in milliseconds since the epoch. */
export function frame(view: RunView, pace: Pace, now: number): string[] {
  const { id, state, stages, notices } = view.status;
  const rows = stages.flatMap((stage) => {
    const work = view.work.filter((piece) => piece.stage === stage.id);
    return stageRows(id, stage, work, pace, now);
  });
  const head = `${pc.bold(id)} ${state} ${pc.dim(duration((view.endedAt ?? now) - view.startedAt))}`;
  return [head, ...columns(rows), ...notices.map((notice) => pc.yellow(notice))];
}

function stageRows(run: string, stage: StageStatus, work: readonly Work[], pace: Pace, now: number): string[][] {
  const name = `${markOf(stage.state)} ${stage.id}`;
  const running = work.filter(({ progress }) => progress !== null);
  if (stage.state !== 'running' || (running.length === 0 && stage.cells === undefined)) {
    return [[name, work.some(({ queued }) => queued) ? 'queued' : stage.state, rest(run, stage)]];
  }
  if (stage.cells === undefined) return running.map((piece) => [name, ...barAndFigures(stage.id, piece, pace, now)]);
  const { done, total } = stage.cells;
  const fraction = running.reduce((sum, piece) => sum + fractionOfWork(piece), done) / total;
  const figures = [...reached(stage), eta(pace.left(stage.id, fraction, now)), waysOn(run, stage).join(' | ')];
  return [
    [name, bar(fraction, BAR), joined(figures)],
    ...running.map((piece) => {
      const key = `${stage.id}.${piece.cell}`;
      return [pc.dim(`    ${key}`), ...barAndFigures(key, piece, pace, now)];
    }),
  ];
}

function barAndFigures(key: string, work: Work, pace: Pace, now: number): string[] {
  const fraction = fractionOfWork(work);
  return [bar(fraction, BAR), joined(workInWords(work, pace.left(key, fraction, now)))];
}

function fractionOfWork({ progress }: Work): number {
  return progress === null ? 0 : fractionOf(progress);
}

function eta(left: number | null): string {
  return left === null ? '' : `ETA ${duration(left)}`;
}

function rest(run: string, stage: StageStatus): string {
  return joined([...reached(stage), stage.supernet ?? '', stage.error ?? '', waysOn(run, stage).join(' | ')]);
}

function joined(pieces: readonly string[]): string {
  return pieces.filter((piece) => piece !== '').join('  ');
}
