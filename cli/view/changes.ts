import type { StageStatus } from '../../workflows/messages.ts';
import type { RunView } from '../run-view.ts';
import { epochOf, tau } from './format.ts';
import { reached, waysOn } from './stage-words.ts';

interface Line {
  readonly text: string;
  /** What has to change for the line to be worth printing again: the epoch does, its loss does not. */
  readonly key: string;
}

/** One line for each stage that is in another state or epoch than before, for output that is no terminal. */
export function changes(before: RunView | null, after: RunView): string[] {
  const old = new Set(before?.status.stages.map((stage) => line(before, stage).key));
  const notices = after.status.notices.filter((notice) => !before?.status.notices.includes(notice));
  const lines = after.status.stages
    .filter((stage) => before !== null || stage.state !== 'waiting')
    .map((stage) => line(after, stage))
    .filter(({ key }) => !old.has(key));
  return [...lines.map(({ text }) => text), ...notices];
}

function line(view: RunView, stage: StageStatus): Line {
  const attempt = stage.cells === undefined && stage.attempts > 1 ? `attempt ${stage.attempts}` : '';
  const ways = waysOn(view.status.id, stage).join(' | ');
  const known = joined([stage.state, ...reached(stage), attempt, stage.supernet ?? '', stage.error ?? '', ways]);
  const progress = view.work.find((work) => work.stage === stage.id && work.cell === null)?.progress;
  if (stage.state !== 'running' || progress == null || progress.epochs === 0) {
    return { text: `${stage.id}: ${known}`, key: `${stage.id}: ${known}` };
  }
  const epoch = `epoch ${epochOf(progress.epoch, progress.epochs)}`;
  const figures = [
    progress.loss === undefined ? '' : `loss ${progress.loss.toFixed(3)}`,
    progress.tau === undefined ? '' : `tau ${tau(progress.tau)}`,
  ];
  return { text: `${stage.id}: ${joined([known, epoch, ...figures])}`, key: `${stage.id}: ${joined([known, epoch])}` };
}

function joined(pieces: readonly string[]): string {
  return pieces.filter((piece) => piece !== '').join(', ');
}
