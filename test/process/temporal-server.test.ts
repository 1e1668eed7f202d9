import path from 'node:path';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { findServer, keepServer } from '../../runtime/temporal-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { connectClient, embeddedServer } from '../../workers/server.ts';

async function kept(home: string) {
  const keeper = await keepServer(home);
  onTestFinished(async () => await keeper.stop());
  return keeper;
}

function pidOf(home: string): number {
  const { server }: { server: { pid: number } } = JSON.parse(readFileSync(path.join(home, 'server.json'), 'utf8'));
  return server.pid;
}

test('a killed server comes back on its ports and its database, and ends with its keeper', async () => {
  const home = temporaryFolder();
  const keeper = await kept(home);
  const client = await connectClient(embeddedServer(keeper.address));
  onTestFinished(async () => await client.connection.close());
  await client.workflow.start('kept', { workflowId: 'kept', taskQueue: 'nobody' });
  const first = pidOf(home);
  process.kill(first, 'SIGKILL');
  await expect.poll(() => pidOf(home), { timeout: 60_000 }).not.toBe(first);
  expect((await client.workflow.getHandle('kept').describe()).status.name).toBe('RUNNING');
  expect(await findServer(home)).toMatchObject({ address: keeper.address });
  await keeper.stop();
  expect(await findServer(home)).toBeNull();
});

test('two homes have two servers, one home has one', async () => {
  const [one, other] = [temporaryFolder(), temporaryFolder()];
  const [first, again, second] = await Promise.all([kept(one), kept(one), kept(other)]);
  expect(again.address).toBe(first.address);
  expect(second.address).not.toBe(first.address);
  expect(new Set([first.ui, second.ui]).size).toBe(2);
});
