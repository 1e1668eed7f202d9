import pc from 'picocolors';
import type { RunView, Work } from '../run.ts';
import { bar, columns, duration, epochOf, tau } from './format.ts';
import { markOf, reached, waysOn } from './stages.ts';
import type { Progress } from '../../nas/process/protocol.ts';
import type { StageStatus } from '../../plan/messages.ts';

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
  const figures = [
    ...(work.progress === null ? [] : progressInWords(work.progress)),
    eta(pace.left(key, fraction, now)),
    work.attempt > 1 ? `attempt ${work.attempt}` : '',
  ];
  return [bar(fraction, BAR), joined(figures)];
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

/** How much of a stage (or cell) is done, 0..1. */
export function fractionOf({ phase, epoch, epochs, step, steps, subnets, subnetsTotal }: Progress): number {
  const done = subnetsTotal === undefined ? part(step, steps) : part(subnets ?? 0, subnetsTotal);
  if (epochs === 0) return done;
  // What follows the steps of an epoch (its test, its files) is short beside them.
  const inEpoch = phase === 'training' ? part(step, steps) : phase === 'loading' ? 0 : 1;
  return (epoch + inEpoch) / epochs;
}

function part(done: number, all: number): number {
  return all > 0 ? done / all : 0;
}

/** The figures of a progress message, each only where the phase has it: epoch, step, steps/s, subnets, loss, tau. */
function progressInWords(progress: Progress): string[] {
  const { phase, epoch, epochs, step, steps, stepsPerSecond, subnets, subnetsTotal, subnetsPerSecond, loss } = progress;
  return [
    epochs > 0 ? `epoch ${epochOf(epoch, epochs)}` : '',
    phase === 'training' ? `step ${step}/${steps}` : phase,
    subnetsTotal === undefined ? '' : `${subnets ?? 0}/${subnetsTotal} subnets`,
    phase === 'training' && stepsPerSecond !== undefined ? `${stepsPerSecond.toPrecision(3)} steps/s` : '',
    subnetsPerSecond === undefined ? '' : `${subnetsPerSecond.toPrecision(3)} subnets/s`,
    loss === undefined ? '' : `loss ${loss.toFixed(3)}`,
    progress.tau === undefined ? '' : `tau ${tau(progress.tau)}`,
  ];
}

interface Seen {
  readonly at: number;
  readonly fraction: number;
}

/** How fast pieces of work get on, from what was seen of them: so the time of evaluations and checkpoints is in it too. */
export class Pace {
  readonly #first = new Map<string, Seen>();

  /** Milliseconds until `key` is done, or null while too little was seen. A fraction that falls (a new attempt) starts anew. */
  left(key: string, fraction: number, now: number): number | null {
    const first = this.#first.get(key);
    if (first === undefined || fraction < first.fraction) {
      this.#first.set(key, { at: now, fraction });
      return null;
    }
    const gained = fraction - first.fraction;
    return gained <= 0 || now - first.at < 2000 ? null : ((1 - fraction) / gained) * (now - first.at);
  }
}
