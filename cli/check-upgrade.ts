import pc from 'picocolors';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { Command } from 'commander';
import { withServer } from './server.ts';
import { jsonOption, output } from './options.ts';
import { OPEN_RUNS } from '../plan/search.ts';
import { workflowBundle } from '../workers/workflow-bundle.ts';

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
    const options = { workflowBundle: await workflowBundle() };
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
          ? `${replays.length} open runs go on with this code`
          : `${broken.length} of ${replays.length} open runs would not go on with this code; let them end on the old workers`,
      ].join('\n'),
    );
  });
}
