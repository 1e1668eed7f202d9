import type { Command } from 'commander';
import { jsonOption, output } from './options.ts';
import { withServer } from './server.ts';
import { searchAttributes } from '../plan/search.ts';
import { registerAttributes } from '../workers/search.ts';

/** `nas server`: what a server needs once before runs on it can be searched for. */
export function define(command: Command): void {
  command
    .command('register')
    .description('give the namespace the search attributes that runs set, so that they can be found by them')
    .addOption(jsonOption())
    .action(register);
}

async function register({ json }: { json?: true }): Promise<void> {
  await withServer(async ({ client, namespace }) => {
    const made = await registerAttributes(client);
    const all = Object.entries(searchAttributes).map(([name, type]) => ({
      name,
      type,
      made: made.some((one) => one === name),
    }));
    output(json, { namespace, searchAttributes: all }, () =>
      [
        `namespace ${namespace}: ${made.length} search attributes made, ${all.length - made.length} were there`,
        ...all.map(({ name, type }) => `  ${name} (${type})`),
        'Runs that are started from now on can be found by them: `nas list --pipeline NAME`.',
      ].join('\n'),
    );
  });
}
