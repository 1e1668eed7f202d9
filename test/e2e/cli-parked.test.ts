import path from 'node:path';
import type { Client } from '@temporalio/client';
import { execFile } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readManifest } from '../../artifacts/results.ts';
import { statusQuery } from '../../plan/messages.ts';
import type { RunStatus } from '../../plan/messages.ts';
import { temporalCli } from '../../runtime/layout.ts';
import { findServer } from '../../runtime/temporal-server.ts';
import { nas, RunningNas } from '../support/nas.ts';
import { connectClient, embeddedServer } from '../../workers/server.ts';
import { sharedFolder } from '../support/temporary-folder.ts';

// Every command is a process of its own: seconds each where the machine is busy.
vi.setConfig({ testTimeout: 150_000 });

const folder = sharedFolder();
const results = path.join(folder, 'results');
const environment = { NAS_HOME: path.join(folder, 'home'), NAS_RESULTS: results };

// Four stages that fail until something is done about it, and a branch of its own that waits for the file `go`.
const file = path.join(folder, 'parked.yml');
const failing = (id: string): string => `  ${id}:
    uses: command
    retry: { attempts: 1 }
    with: { run: [sh, -c, 'test "$WORD" = right || test -e mended'], env: { WORD: wrong } }
`;
writeFileSync(
  file,
  `name: parked
stages:
${['changed', 'mended', 'skipped', 'given-up'].map(failing).join('')}  after:
    uses: command
    needs: skipped
    with: { run: [echo] }
  beside:
    uses: command
    with: { run: [sh, -c, "until [ -e go ]; do sleep 0.1; done"] }
  after-beside:
    uses: command
    needs: beside
    with: { run: [echo] }
`,
);

let up: RunningNas;
let address = '';
let client: Client;

beforeAll(async () => {
  up = new RunningNas(['up', '--json'], environment);
  await up.prints('"devices"');
  address = findServer(environment.NAS_HOME)?.address ?? '';
  client = await connectClient(embeddedServer(address));
});

afterAll(async () => {
  await client.connection.close();
  await up.interrupt();
});

const run = async (...args: string[]) => await nas(args, environment);

/** What a user of Temporal's own command says. */
async function temporal(...args: string[]): Promise<void> {
  await promisify(execFile)(temporalCli(), ['workflow', ...args, '--workflow-id', 'parked', '--address', address]);
}

const update = async (name: string, stage: string): Promise<void> =>
  await temporal('update', 'execute', '--name', name, '--input', JSON.stringify({ stage }));

// Asks the server itself: a command each time would take seconds.
async function shown(): Promise<RunStatus> {
  return await client.workflow.getHandle('parked').query(statusQuery);
}

async function states(): Promise<Record<string, string>> {
  return Object.fromEntries((await shown()).stages.map(({ id, state }) => [id, state]));
}

test('parked stages are retried, skipped and given up by `nas` and by `temporal`, and other branches run on', async () => {
  expect(await run('start', file)).toMatchObject({ code: 0 });
  const parked = { changed: 'parked', mended: 'parked', skipped: 'parked', 'given-up': 'parked' };
  await expect.poll(states, { timeout: 60_000 }).toMatchObject({ ...parked, beside: 'running' });
  await temporal('signal', '--name', 'pause');
  await expect.poll(async () => (await shown()).state, { timeout: 30_000 }).toBe('paused');
  await temporal('signal', '--name', 'resume');
  await expect.poll(() => existsSync(path.join(results, 'parked/beside')), { timeout: 30_000 }).toBe(true);
  writeFileSync(path.join(results, 'parked/beside/go'), '');
  await expect.poll(states, { timeout: 60_000 }).toMatchObject({ ...parked, 'after-beside': 'done' });

  expect(await run('retry', 'parked', 'changed', '--set', 'env.WORD=right')).toMatchObject({ code: 0 });
  expect(await run('skip', 'parked', 'skipped')).toMatchObject({ code: 0 });
  writeFileSync(path.join(results, 'parked/mended/mended'), '');
  await update('retryStage', 'mended');
  await expect(update('retryStage', 'beside')).rejects.toThrow('expected a parked stage, got one that is done');
  await update('abortStage', 'given-up');

  expect(await run('watch', 'parked')).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('given up: given-up'),
  });
  expect(await states()).toEqual({
    changed: 'done',
    mended: 'done',
    skipped: 'skipped',
    'given-up': 'failed',
    after: 'skipped',
    beside: 'done',
    'after-beside': 'done',
  });
  // What was changed is recorded, in the run and with the result.
  expect((await run('status', 'parked')).stdout).toContain('changed: retried with env.WORD="right"');
  expect((await readManifest(results, 'parked/changed'))?.config).toMatchObject({ env: { WORD: 'right' } });
});
