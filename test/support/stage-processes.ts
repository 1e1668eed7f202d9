import { readdirSync, readFileSync } from 'node:fs';
import { processState } from '../../runtime/processes.ts';

/** The processes that a worker has at work on stages of a run, as their titles tell. */
export function stageProcesses(worker: number, run: string): number[] {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return all
    .map(Number)
    .filter((pid) => processState(pid)?.parent === worker && new RegExp(`^nas [a-z]+ ${run}/`).test(commandLine(pid)));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
