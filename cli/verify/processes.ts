// What Linux tells of processes.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The process that has started another one; null where that is gone. */
export function parentOf(pid: number): number | null {
  return statusOf(pid)?.parent ?? null;
}

/** Halts a process with SIGSTOP and waits until it stands still; false where it is gone. */
export async function halted(pid: number): Promise<boolean> {
  send(pid, 'SIGSTOP');
  for (;;) {
    const state = statusOf(pid)?.state;
    if (state === 'T') return true;
    if (state === undefined || state === 'Z') return false;
    await sleep(1);
  }
}

/** Sends a signal, if the process is still there. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}

/** Waits for the end of a process. */
export async function isGone(pid: number): Promise<void> {
  for (;;) {
    const state = statusOf(pid)?.state;
    if (state === undefined || state === 'Z') return;
    await sleep(1);
  }
}

// State and parent are the first fields after the name, which stands in parentheses.
function statusOf(pid: number): { readonly state: string; readonly parent: number } | null {
  const stat = read(`/proc/${pid}/stat`);
  const [state, parent] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  return state === undefined || parent === undefined ? null : { state, parent: Number(parent) };
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
