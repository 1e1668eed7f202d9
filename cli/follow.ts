import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import pc from 'picocolors';
import { silence } from './explain.ts';
import { readRun } from './run.ts';
import type { RunView } from './run-view.ts';
import { changes } from './view/changes.ts';
import { frame } from './view/frame.ts';
import { Pace } from './view/pace.ts';
import { Screen } from './view/screen.ts';

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
