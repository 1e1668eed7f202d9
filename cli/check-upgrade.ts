import pc from 'picocolors';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { Command } from 'commander';
import { withServer } from './server.ts';
import { jsonOption, output } from './options.ts';
import { many } from '../report/format.ts';
import { OPEN_RUNS } from '../plan/search.ts';
import { workflowCode } from '../workers/workflow-bundle.ts';

interface Replay {
  readonly run: string;
  /** Null where this code would have done the same. */
  readonly error: string | null;
}

export function define(command: Command): void {
  command.addOption(jsonOption()).action(checkUpgrade);
}

/** Replays every open run on the workflow code at hand: one that would go another way must end before workers change. */
async function checkUpgrade({ json }: { json?: true }): Promise<void> {
  // What a replay has to say comes as its error; stdout belongs to the verb.
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => {}),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'ERROR', other: 'ERROR' } } },
  });
  await withServer(async ({ client }) => {
    const open = client.workflow.list({ query: OPEN_RUNS });
    const replays: Replay[] = [];
    const options = await workflowCode();
    for await (const { workflowId, error } of Worker.runReplayHistories(options, open.intoHistories())) {
      replays.push({ run: workflowId, error: error?.message ?? null });
    }
    const broken = replays.filter(({ error }) => error !== null);
    if (broken.length > 0) process.exitCode = 1;
    output(json, { ok: broken.length === 0, runs: replays }, () =>
      [
        ...replays.map(({ run, error }) =>
          error === null ? `${pc.green('✓')} ${run}` : `${pc.red('✗')} ${run}: ${error}`,
        ),
        broken.length === 0
          ? `${many(replays.length, 'open run')} replayed: this code goes on with each`
          : `${many(replays.length, 'open run')} replayed: this code would not go on with ${broken.length}; let them end on the old workers`,
      ].join('\n'),
    );
  });
}
