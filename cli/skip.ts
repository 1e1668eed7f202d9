import type { Command } from 'commander';
import { defineForParked, move } from './steer.ts';
import { skipStageUpdate } from '../plan/messages.ts';

export function define(command: Command): void {
  defineForParked(command).action(async (run: string, stage: string, { json }: { json?: true }) => {
    await move(skipStageUpdate, run, { stage }, 'skipped', json);
  });
}
