import type { Command } from 'commander';
import { collected, defineForRun, jsonOption, output, wholeNumber } from './options.ts';
import { withServer } from './server.ts';
import type { Server } from './server.ts';
import { tau } from '../report/format.ts';
import { chooseEpoch, orderRun, orderStage } from '../runs/steer.ts';
import type { RunOrder, StageOrder } from '../runs/steer.ts';

// The verbs that send one message to a run.

interface JsonFlag {
  readonly json?: true;
}

/** Messages without an answer: what will come of them. */
const effects: Readonly<Record<RunOrder, (run: string) => string>> = {
  pause: (run) => `will pause; go on with \`nas resume ${run}\``,
  resume: () => 'goes on',
  cancel: () => 'will end once what runs has written its checkpoint',
};

/** Messages about a parked stage; the answer names the pieces of work that were moved. */
const done: Readonly<Record<StageOrder, string>> = { retry: 'retried', skip: 'skipped', abort: 'aborted' };

/** Defines the verb that the command is named after. */
export function define(command: Command): void {
  const verb = command.name();
  if (isKeyOf(effects, verb)) defineSignal(command, verb);
  else if (isKeyOf(done, verb)) defineUpdate(command, verb);
  else defineSelect(command);
}

function isKeyOf<T extends object>(table: T, key: string): key is Extract<keyof T, string> {
  return Object.hasOwn(table, key);
}

function defineSignal(command: Command, verb: RunOrder): void {
  defineForRun(command).action(async (run: string, { json }: JsonFlag) => {
    await withServer(async ({ client }) => {
      await orderRun(client, run, verb);
      const effect = effects[verb](run);
      output(json, { run, effect }, () => `${run}: ${effect}`);
    });
  });
}

interface UpdateOptions extends JsonFlag {
  readonly set?: readonly string[];
}

function defineUpdate(command: Command, verb: StageOrder): void {
  command
    .argument('<run>', 'id of the run')
    .argument('<stage>', 'a parked stage, or <stage>.<n> for one cell of it')
    .addOption(jsonOption())
    .action(async (run: string, stage: string, { set, json }: UpdateOptions) => {
      await withServer(async (server) => {
        const message = { stage, ...(set === undefined ? {} : { set: await settingsOf(server, run, stage, set) }) };
        const works = await orderStage(server.client, run, verb, message);
        output(json, { run, [done[verb]]: works }, () => `${run}: ${works.join(', ')} ${done[verb]}`);
      });
    });
  if (verb !== 'retry') return;
  const what = 'change a value of the stage’s `with` first, such as optimizer.momentum=0.8; repeatable';
  command.option('--set <key=value>', what, collected);
}

// Loaded for this alone: the other verbs know nothing of kinds and schemas.
/** What `--set` flags put into the `with` of a parked stage. */
export async function settingsOf(server: Server, run: string, stage: string, flags: readonly string[]) {
  const [{ retrySettings }, { planOf }] = await Promise.all([import('./load.ts'), import('./start.ts')]);
  return retrySettings(await planOf(server, run), stage, flags);
}

interface SelectOptions extends JsonFlag {
  readonly why?: string;
}

function defineSelect(command: Command): void {
  command
    .argument('<run>', 'id of the run')
    .argument('<stage>', 'a stage that waits for a choice')
    .argument('<epoch>', 'one of the epochs that `nas status` lists', wholeNumber)
    .option('--why <reason>', 'recorded with the choice')
    .addOption(jsonOption())
    .action(async (run: string, stage: string, epoch: number, { why, json }: SelectOptions) => {
      await withServer(async ({ client }) => {
        const message = { stage, epoch, who: process.env['USER'] ?? 'nas', ...(why === undefined ? {} : { why }) };
        const choice = await chooseEpoch(client, run, message);
        const reached = choice.tau === null ? '' : `, tau ${tau(choice.tau, choice.interval ?? undefined)}`;
        output(json, { run, stage, ...choice }, () => `${run}: ${stage} goes on with epoch ${choice.epoch}${reached}`);
      });
    });
}
