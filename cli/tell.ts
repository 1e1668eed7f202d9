import type { WorkflowHandle } from '@temporalio/client';
import type { Command } from 'commander';
import { withServer } from './connection.ts';
import { jsonOption, output } from './output.ts';

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
