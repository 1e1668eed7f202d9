import { Option } from 'commander';
import type { Command } from 'commander';
import { findPlace } from './connection.ts';
import { jsonOption, output, wholeNumber } from './options.ts';
import { allDevices, cardDevices, cpuSlots, prepareWorkers } from './workforce.ts';
import { startWorkers } from '../workers/workers.ts';

interface Options {
  readonly role?: 'control' | 'gpu';
  readonly gpu?: readonly number[];
  readonly cpu?: number;
  readonly queue?: string;
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .addOption(
      new Option('--role <role>', 'workflows and light work, or heavy work; both where absent').choices([
        'control',
        'gpu',
      ]),
    )
    .option('--gpu <cards>', 'train on these cards, one process each, such as 0,1', cards)
    .option('--cpu <slots>', 'train on the processor, so many processes at once', wholeNumber)
    .option('--queue <name>', 'task queue of the heavy work', 'gpu')
    .addOption(jsonOption())
    .action(worker);
}

async function worker({ role, gpu = [], cpu = 0, queue, json }: Options): Promise<void> {
  const roles = role === undefined ? (['control', 'gpu'] as const) : [role];
  const named = [...(gpu.length > 0 ? await cardDevices(gpu) : []), ...cpuSlots(cpu)];
  const devices = named.length > 0 ? named : await allDevices();
  const { config } = await findPlace();
  // Not before: from here on a process ends by its workers' end alone.
  prepareWorkers((line) => process.stderr.write(line));
  const workers = await startWorkers(config, { roles, devices, ...(queue === undefined ? {} : { queue }) });
  const { address } = config.connectionOptions;
  output(
    json,
    { address, roles, devices, queue },
    () => `workers for ${address}: ${roles.join(' and ')} on ${devices.join(', ')}`,
  );
  await workers.stopped;
}

function cards(text: string): number[] {
  return text.split(',').map(wholeNumber);
}
