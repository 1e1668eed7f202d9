import pc from 'picocolors';
import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { interruption, silence } from './failure.ts';
import { defineForRun, output } from './options.ts';
import { withServer } from './server.ts';
import type { Server } from './server.ts';
import { frame } from './view/frame.ts';
import { Pace } from './view/progress.ts';
import { reached, waysOn } from './view/stages.ts';
import type { StageStatus } from '../plan/messages.ts';
import { duration, epochOf, tau } from '../report/format.ts';
import { readRun } from '../runs/run.ts';
import type { RunView } from '../runs/run.ts';

export function define(command: Command): void {
  defineForRun(command).action(async (run: string, { json }: { json?: true }) => {
    await withServer(async (server) => await watchRun(server, run, json));
  });
}

/** Follows a run until it ends or the user presses Ctrl-C, which leaves the run going. Exit code 1 if it did not end well. */
export async function watchRun(server: Server, run: string, json: boolean | undefined): Promise<void> {
  const footer = server.uiOf(run) ?? '';
  const view = await follow(server.client, run, { quiet: json === true, footer, signal: interruption() });
  if (view === null) {
    process.stderr.write(`run ${run} goes on; come back with \`nas watch ${run}\`\n`);
    return;
  }
  if (view.ending !== 'done') process.exitCode = 1;
  const end = await endInWords(server.client, view);
  output(json, view.status, () => end);
}

/** How a run ended, in one line; with what its workflow said where that is not in the account of its stages. */
export async function endInWords({ workflow }: Client, view: RunView): Promise<string> {
  const time = duration((view.endedAt ?? view.startedAt) - view.startedAt);
  const line = `run ${view.status.id}: ${view.ending} after ${time}`;
  if (view.ending === 'done') return line;
  const said = await workflow
    .getHandle(view.status.id)
    .result()
    .then(
      () => '',
      (error: unknown) => (error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''),
    );
  return line + said;
}

interface FollowOptions {
  /** Shows nothing; only waits. */
  readonly quiet: boolean;
  /** A line to keep below the picture, such as where the UI is. */
  readonly footer: string;
  /** When to stop looking; once the run has ended where absent. */
  readonly isOver?: (view: RunView) => boolean;
  /** Ends the following, not the run. */
  readonly signal: AbortSignal;
}

interface Display {
  show(view: RunView): void;
  /** Why there is nothing new to show. */
  wait(why: string): void;
}

const EVERY_MS = 1000;

/**
 * Shows a run until it is over, and returns how it stood then; null if the signal came first. Live on a terminal, else a
 * line a change. Workers or a server that are gone for a while are waited for.
 */
export async function follow(client: Client, run: string, options: FollowOptions): Promise<RunView | null> {
  const display = options.quiet ? silent : process.stdout.isTTY ? onTerminal(options.footer) : asLines(options.footer);
  const isOver = options.isOver ?? ((view) => view.ending !== null);
  while (!options.signal.aborted) {
    try {
      const view = await readRun(client, run);
      display.show(view);
      if (isOver(view)) return view;
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'ServiceError') throw error;
      display.wait(silence(error));
    }
    await sleep(EVERY_MS, undefined, { signal: options.signal }).catch(() => undefined);
  }
  return null;
}

const silent: Display = { show() {}, wait() {} };

function onTerminal(footer: string): Display {
  const screen = new Screen(process.stdout);
  const pace = new Pace();
  let last: string[] = [];
  return {
    show(view) {
      last = [...frame(view, pace, Date.now()), pc.dim(footer)];
      screen.draw(last);
    },
    wait(why) {
      screen.draw([...last, pc.yellow(why)]);
    },
  };
}

function asLines(footer: string): Display {
  let before: RunView | null = null;
  let waiting = '';
  process.stdout.write(`${footer}\n`);
  return {
    show(view) {
      for (const line of changes(before, view)) process.stdout.write(`${line}\n`);
      before = view;
      waiting = '';
    },
    wait(why) {
      if (why !== waiting) process.stdout.write(`${why}\n`);
      waiting = why;
    },
  };
}

interface Line {
  readonly text: string;
  /** What has to change for the line to be worth printing again: the epoch does, its loss does not. */
  readonly key: string;
}

/** One line for each stage that is in another state or epoch than before, for output that is no terminal. */
export function changes(before: RunView | null, after: RunView): string[] {
  const old = new Set(before?.status.stages.map((stage) => lineOf(before, stage).key));
  const notices = after.status.notices.filter((notice) => !before?.status.notices.includes(notice));
  const lines = after.status.stages
    .filter((stage) => before !== null || stage.state !== 'waiting')
    .map((stage) => lineOf(after, stage))
    .filter(({ key }) => !old.has(key));
  return [...lines.map(({ text }) => text), ...notices];
}

function lineOf(view: RunView, stage: StageStatus): Line {
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

const ESCAPE = '\u001B[';
// In a group, so that `split` keeps it.
const COLOUR = new RegExp(`(${ESCAPE.replace('[', String.raw`\[`)}[0-9;]*m)`);

/** A block of lines at the end of a terminal that is redrawn in place. Lines are cut to the terminal's width, for a wrapped line would break the count. */
class Screen {
  readonly #stream: NodeJS.WriteStream;
  #height = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  /** Replaces what was drawn before. Only as many lines as the terminal has are drawn; the last ones are left out. */
  draw(lines: readonly string[]): void {
    // A terminal that does not know its size says 0.
    const { rows, columns } = this.#stream;
    const shown = lines.slice(0, (rows || 24) - 1).map((line) => cut(line, columns || 80));
    const up = this.#height > 0 ? `${ESCAPE}${this.#height}A` : '';
    this.#stream.write(`${up}\r${shown.map((line) => `${line}${ESCAPE}K\n`).join('')}${ESCAPE}J`);
    this.#height = shown.length;
  }
}

/** Cuts a line with colours to `width` visible characters. */
export function cut(line: string, width: number): string {
  if (stripVTControlCharacters(line).length <= width) return line;
  let left = width - 1;
  let kept = '';
  for (const piece of line.split(COLOUR)) {
    if (piece.startsWith(ESCAPE)) kept += piece;
    else {
      const visible = piece.slice(0, left);
      left -= visible.length;
      kept += visible;
    }
  }
  return `${kept}…`;
}
