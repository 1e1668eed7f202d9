import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { z } from 'zod';
import { defineForParked, move } from './steer.ts';
import { retryStageUpdate } from '../plan/messages.ts';
import type { Json } from '../plan/json.ts';

interface Options {
  readonly set?: Record<string, Json>;
  readonly json?: true;
}

export function define(command: Command): void {
  defineForParked(command)
    .option('--set <key=value>', 'change a value of the stage’s `with` first, such as optimizer.momentum=0.8', setting)
    .action(async (run: string, stage: string, { set, json }: Options) => {
      await move(retryStageUpdate, run, { stage, ...(set === undefined ? {} : { set }) }, 'retried', json);
    });
}

// A value is what it means as JSON, else the text it is.
function setting(text: string, before: Readonly<Record<string, Json>> = {}): Record<string, Json> {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new InvalidArgumentError('expected key=value.');
  return { ...before, [key]: jsonOrText(value) };
}

function jsonOrText(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return z.json().parse(value);
  } catch {
    return text;
  }
}
