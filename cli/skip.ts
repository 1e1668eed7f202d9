import type { Command } from 'commander';
import { skipStageUpdate } from '../workflows/messages.ts';
import { defineForParked, move } from './parked.ts';

export function define(command: Command): void {
  defineForParked(command).action(async (run: string, stage: string, { json }: { json?: true }) => {
    await move(skipStageUpdate, run, { stage }, 'skipped', json);
  });
}
