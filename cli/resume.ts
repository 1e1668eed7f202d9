import type { Command } from 'commander';
import { defineForRun, tell } from './steer.ts';
import { resumeSignal } from '../plan/messages.ts';

export function define(command: Command): void {
  defineForRun(command).action(async (run: string, { json }: { json?: true }) => {
    await tell(run, (handle) => handle.signal(resumeSignal), 'goes on', json);
  });
}
