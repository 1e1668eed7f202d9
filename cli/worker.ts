import { Option } from 'commander';
import type { Command } from 'commander';
import { toStderr, withWorkers } from './bring-up.ts';
import { interruption } from './failure.ts';
import { jsonOption, output, wholeNumber } from './options.ts';
import { findPlace } from './server.ts';
import { HEAVY_QUEUE } from '../plan/names.ts';
import { allDevices, cardDevices, cpuSlots } from '../workers/devices.ts';
import type { Role } from '../workers/workers.ts';

interface Options {
  readonly role?: Role;
  readonly gpu?: readonly number[];
  readonly cpu?: number;
  readonly queue: string;
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .addOption(
      new Option('--role <role>', 'workflows and light work, or heavy work; both where absent').choices([
        'control',
        'heavy',
      ]),
    )
    .option('--gpu <cards>', 'train on these cards, one process each, such as 0,1', cards)
    .option('--cpu <slots>', 'train on the processor, so many processes at once', wholeNumber)
    .option('--queue <name>', 'task queue of the heavy work', HEAVY_QUEUE)
    .addOption(jsonOption())
    .action(worker);
}

async function worker({ role, gpu = [], cpu = 0, queue, json }: Options): Promise<void> {
  const roles = role === undefined ? (['control', 'heavy'] as const) : [role];
  const named = [...(gpu.length > 0 ? await cardDevices(gpu) : []), ...cpuSlots(cpu)];
  const devices = named.length > 0 ? named : await allDevices();
  const signal = interruption();
  const place = await findPlace();
  await withWorkers(place, { roles, devices, queue }, { signal, warn: toStderr }, async ({ stopped }) => {
    const { address } = place.config.connectionOptions;
    output(
      json,
      { address, roles, devices, queue },
      () => `workers for ${address}: ${roles.join(' and ')} on ${devices.join(', ')}`,
    );
    await stopped;
  });
}

function cards(text: string): number[] {
  return text.split(',').map(wholeNumber);
}
