import type { Command } from 'commander';
import { toStderr, withEverythingUp } from './bring-up.ts';
import { interruption } from './failure.ts';
import { jsonOption, output } from './options.ts';

export function define(command: Command): void {
  command.addOption(jsonOption()).action(up);
}

async function up({ json }: { json?: true }): Promise<void> {
  await withEverythingUp({ signal: interruption(), warn: toStderr }, async ({ place, devices, stopped }) => {
    const { address } = place.config.connectionOptions;
    output(json, { address, ui: place.ui, devices }, () =>
      [
        `server   ${address}`,
        ...(place.ui === null ? [] : [`UI       ${place.ui}`]),
        `workers  ${devices.join(', ')}`,
        'Ctrl-C lets running stages write a checkpoint and ends all of it; the next `nas up` goes on.',
      ].join('\n'),
    );
    await stopped;
  });
}
