import type { Command } from 'commander';
import { defineForParked, move } from './steer.ts';
import { abortStageUpdate } from '../plan/messages.ts';

export function define(command: Command): void {
  defineForParked(command).action(async (run: string, stage: string, { json }: { json?: true }) => {
    await move(abortStageUpdate, run, { stage }, 'aborted', json);
  });
}
