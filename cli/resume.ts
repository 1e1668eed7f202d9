import type { Command } from 'commander';
import { resumeSignal } from '../workflows/messages.ts';
import { defineForRun, tell } from './tell.ts';

export function define(command: Command): void {
  defineForRun(command).action(async (run: string, { json }: { json?: true }) => {
    await tell(run, (handle) => handle.signal(resumeSignal), 'goes on', json);
  });
}
