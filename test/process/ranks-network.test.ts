import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { freeAddresses } from '../../runtime/collectives/cluster.ts';
import type { RankTask } from '../support/rank-process.ts';
import { programFile } from '../../runtime/layout.ts';

/** What comes of a connection: `connect`, or the code of its error. */
async function answerOf(host: string, port: number): Promise<string> {
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect');
    return 'connect';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  } finally {
    socket.destroy();
  }
}

const others = Object.values(networkInterfaces())
  .flat()
  .filter((one) => one !== undefined && !one.internal && one.family === 'IPv4')
  .map((one) => one!.address);

test.skipIf(others.length === 0)('a rank listens on this machine alone: its other addresses refuse', async () => {
  const addresses = await freeAddresses(2);
  const task: RankTask = { rank: 0, addresses, images: [1, 1], steps: 1, precision: 'float32' };
  // It waits for the other rank, which never comes.
  const program = [programFile('test/support/rank-process.ts'), JSON.stringify(task)];
  const rank = spawn(process.execPath, program, { stdio: 'ignore' });
  onTestFinished(() => void rank.kill('SIGKILL'));
  const port = Number(addresses[0]!.split(':')[1]);
  while ((await answerOf('127.0.0.1', port)) !== 'connect') await sleep(100);
  expect(await Promise.all(others.map(async (host) => await answerOf(host, port)))).toEqual(
    others.map(() => 'ECONNREFUSED'),
  );
});
