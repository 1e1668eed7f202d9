import type { Command } from 'commander';
import { defineForRun, tell } from './steer.ts';

export function define(command: Command): void {
  defineForRun(command).action(async (run: string, { json }: { json?: true }) => {
    await tell(run, (handle) => handle.cancel(), 'will end once what runs has written its checkpoint', json);
  });
}
