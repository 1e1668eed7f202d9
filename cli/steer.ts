import type { WorkflowHandle } from '@temporalio/client';
import type { UpdateDefinition } from '@temporalio/common';
import type { Command } from 'commander';
import { answered, withServer } from './server.ts';
import { jsonOption, output } from './options.ts';
import type { StageMessage } from '../plan/messages.ts';

/** Adds what the verbs for parked stages share: `<run> <stage>` and `--json`. */
export function defineForParked(command: Command): Command {
  return command
    .argument('<run>', 'id of the run')
    .argument('<stage>', 'a parked stage, or <stage>.<n> for one cell of it')
    .addOption(jsonOption());
}

/** Sends an update about a parked stage and says which pieces of work it moved: `done` is a past participle. */
export async function move<Message extends StageMessage>(
  update: UpdateDefinition<string[], [Message]>,
  run: string,
  message: Message,
  done: string,
  json: boolean | undefined,
): Promise<void> {
  await withServer(async ({ client }) => {
    const handle = client.workflow.getHandle(run);
    const works = await answered(client, () => handle.executeUpdate(update, { args: [message] }));
    output(json, { run, [done]: works }, () => `${run}: ${works.join(', ')} ${done}`);
  });
}

/** Adds what the verbs for a whole run share: `<run>` and `--json`. */
export function defineForRun(command: Command): Command {
  return command.argument('<run>', 'id of the run').addOption(jsonOption());
}

/** Sends a run a message that has no answer, and says what will come of it. */
export async function tell(
  run: string,
  send: (handle: WorkflowHandle) => Promise<unknown>,
  effect: string,
  json: boolean | undefined,
): Promise<void> {
  await withServer(async ({ client }) => {
    await send(client.workflow.getHandle(run));
    output(json, { run, effect }, () => `${run}: ${effect}`);
  });
}
