import type { Command } from 'commander';
import { answered, withServer } from './server.ts';
import { jsonOption, output, wholeNumber } from './options.ts';
import { tau } from './view/format.ts';
import { selectEpochUpdate } from '../plan/messages.ts';

interface Options {
  readonly why?: string;
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .argument('<run>', 'id of the run')
    .argument('<stage>', 'a stage that waits for a choice')
    .argument('<epoch>', 'one of the epochs that `nas status` lists', wholeNumber)
    .option('--why <reason>', 'recorded with the choice')
    .addOption(jsonOption())
    .action(select);
}

async function select(run: string, stage: string, epoch: number, { why, json }: Options): Promise<void> {
  await withServer(async ({ client }) => {
    const message = { stage, epoch, who: process.env['USER'] ?? 'nas', ...(why === undefined ? {} : { why }) };
    const handle = client.workflow.getHandle(run);
    const choice = await answered(client, () => handle.executeUpdate(selectEpochUpdate, { args: [message] }));
    const reached = choice.tau === null ? '' : `, tau ${tau(choice.tau, choice.interval ?? undefined)}`;
    output(json, { run, stage, ...choice }, () => `${run}: ${stage} goes on with epoch ${choice.epoch}${reached}`);
  });
}
