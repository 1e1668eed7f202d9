import type { Command } from 'commander';
import { defineForRun, tell } from './steer.ts';
import { pauseSignal } from '../plan/messages.ts';

export function define(command: Command): void {
  defineForRun(command).action(async (run: string, { json }: { json?: true }) => {
    await tell(run, (handle) => handle.signal(pauseSignal), `will pause; go on with \`nas resume ${run}\``, json);
  });
}
