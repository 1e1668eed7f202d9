import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { pendingKills, traceFiles } from '../../nas/process/phase-trace.ts';
import { holdIn } from '../support/held-stage.ts';
import type { Hold } from '../support/held-stage.ts';
import { programFile } from '../../runtime/layout.ts';

function phased({ environment }: Hold) {
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, [programFile('test/support/phased-process.ts')], { env });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { pid: child.pid, ended: once(child, 'exit') };
}

test('work stays in a phase while a kill in it is pending, at the visit that the kill names', async () => {
  const hold = await holdIn('r/one', 'training', 2);
  const { trace } = hold;
  const { pid, ended } = phased(hold);
  await expect.poll(() => trace.atWork(), { timeout: 60_000 }).toMatchObject([{ visit: 2 }]);
  // Long enough to be gone.
  await sleep(50);
  expect(trace.atWork()).toMatchObject([{ directory: 'r/one', phase: 'training', pid, visit: 2 }]);
  await hold.release();
  expect(await ended).toEqual([0, null]);
  expect(trace.atWork()).toEqual([]);
  expect(trace.staysIn('r/one')).toMatchObject({ training: { visits: 2 }, saving: { visits: 1 } });
});

test('work does not wait for a kill whose process has ended', async () => {
  const hold = await holdIn('r/one', 'training');
  const order: { by: object } = JSON.parse(pendingKills([{ directory: 'r/one', phase: 'training', visit: 1 }]));
  const dead = { ...order, by: { ...order.by, started: 'long ago' } };
  writeFileSync(path.join(hold.trace.folder, traceFiles.kills), JSON.stringify(dead));
  expect(await phased(hold).ended).toEqual([0, null]);
});
