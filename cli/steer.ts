import type { Command } from 'commander';
import type { WorkflowHandle } from '@temporalio/client';
import { collected, defineForRun, jsonOption, output, wholeNumber } from './options.ts';
import { withServer } from './server.ts';
import type { Server } from './server.ts';
import {
  abortStageUpdate,
  pauseSignal,
  resumeSignal,
  retryStageUpdate,
  selectEpochUpdate,
  skipStageUpdate,
} from '../plan/messages.ts';
import { tau } from '../report/format.ts';
import { answered } from '../runs/run.ts';

// The verbs that send one message to a run.

interface JsonFlag {
  readonly json?: true;
}

/** Messages without an answer: what is sent, and what will come of it. */
const signals = {
  pause: {
    send: async (handle: WorkflowHandle) => await handle.signal(pauseSignal),
    effect: (run: string) => `will pause; go on with \`nas resume ${run}\``,
  },
  resume: {
    send: async (handle: WorkflowHandle) => await handle.signal(resumeSignal),
    effect: () => 'goes on',
  },
  cancel: {
    send: async (handle: WorkflowHandle) => void (await handle.cancel()),
    effect: () => 'will end once what runs has written its checkpoint',
  },
};

/** Messages about a parked stage; the answer names the pieces of work that were moved. */
const updates = {
  retry: { update: retryStageUpdate, done: 'retried' },
  skip: { update: skipStageUpdate, done: 'skipped' },
  abort: { update: abortStageUpdate, done: 'aborted' },
};

/** Defines the verb that the command is named after. */
export function define(command: Command): void {
  const verb = command.name();
  if (isKeyOf(signals, verb)) defineSignal(command, verb);
  else if (isKeyOf(updates, verb)) defineUpdate(command, verb);
  else defineSelect(command);
}

function isKeyOf<T extends object>(table: T, key: string): key is Extract<keyof T, string> {
  return Object.hasOwn(table, key);
}

function defineSignal(command: Command, verb: keyof typeof signals): void {
  const { send, effect } = signals[verb];
  defineForRun(command).action(async (run: string, { json }: JsonFlag) => {
    await withServer(async ({ client }) => {
      await send(client.workflow.getHandle(run));
      output(json, { run, effect: effect(run) }, () => `${run}: ${effect(run)}`);
    });
  });
}

interface UpdateOptions extends JsonFlag {
  readonly set?: readonly string[];
}

function defineUpdate(command: Command, verb: keyof typeof updates): void {
  const { update, done } = updates[verb];
  command
    .argument('<run>', 'id of the run')
    .argument('<stage>', 'a parked stage, or <stage>.<n> for one cell of it')
    .addOption(jsonOption())
    .action(async (run: string, stage: string, { set, json }: UpdateOptions) => {
      await withServer(async (server) => {
        const { client } = server;
        const handle = client.workflow.getHandle(run);
        const message = { stage, ...(set === undefined ? {} : { set: await settingsOf(server, run, stage, set) }) };
        const works = await answered(client, () => handle.executeUpdate(update, { args: [message] }));
        output(json, { run, [done]: works }, () => `${run}: ${works.join(', ')} ${done}`);
      });
    });
  if (verb !== 'retry') return;
  const what = 'change a value of the stage’s `with` first, such as optimizer.momentum=0.8; repeatable';
  command.option('--set <key=value>', what, collected);
}

// Loaded for this alone: the other verbs know nothing of kinds and schemas.
async function settingsOf(server: Server, run: string, stage: string, flags: readonly string[]) {
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
        const handle = client.workflow.getHandle(run);
        const choice = await answered(client, () => handle.executeUpdate(selectEpochUpdate, { args: [message] }));
        const reached = choice.tau === null ? '' : `, tau ${tau(choice.tau, choice.interval ?? undefined)}`;
        output(json, { run, stage, ...choice }, () => `${run}: ${stage} goes on with epoch ${choice.epoch}${reached}`);
      });
    });
}
