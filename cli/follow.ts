import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import pc from 'picocolors';
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
  /** Ends the following, not the run. */
  readonly signal: AbortSignal;
}

const EVERY_MS = 1000;

/** Shows a run until it ends, and returns how it stood then; null if the signal came first. Live on a terminal, else a line a change. */
export async function follow(handle: WorkflowHandle, options: FollowOptions): Promise<RunView | null> {
  const show = options.quiet ? () => {} : process.stdout.isTTY ? onTerminal(options.footer) : asLines(options.footer);
  while (!options.signal.aborted) {
    const view = await readRun(handle);
    show(view);
    if (view.ending !== null) return view;
    await sleep(EVERY_MS, undefined, { signal: options.signal }).catch(() => undefined);
  }
  return null;
}

function onTerminal(footer: string): (view: RunView) => void {
  const screen = new Screen(process.stdout);
  const pace = new Pace();
  return (view) => screen.draw([...frame(view, pace, Date.now()), pc.dim(footer)]);
}

function asLines(footer: string): (view: RunView) => void {
  let before: RunView | null = null;
  process.stdout.write(`${footer}\n`);
  return (view) => {
    for (const line of changes(before, view)) process.stdout.write(`${line}\n`);
    before = view;
  };
}
