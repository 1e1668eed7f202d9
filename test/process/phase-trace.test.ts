import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { PlannedKill } from '../../cli/verify/kills.ts';
import { Trace } from '../../cli/verify/trace.ts';
import { meant, traceFiles, traceVariable } from '../../nas/process/phase-trace.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const second: PlannedKill = { target: 'trainer', piece: 'r/one', phase: 'training', visit: 2, delayMs: 0 };

async function openTrace(): Promise<Trace> {
  const trace = await Trace.open(temporaryFolder());
  onTestFinished(() => trace.close());
  return trace;
}

function phased({ folder }: Trace) {
  const environment = { ...process.env, [traceVariable]: folder };
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/support/phased-process.ts'], { env: environment });
  onTestFinished(() => void child.kill('SIGKILL'));
  return { pid: child.pid, ended: once(child, 'exit') };
}

test('work stays in the phase in which it is to be killed, for that time that was meant, until the kill is given up', async () => {
  const trace = await openTrace();
  await trace.hold([second]);
  const { pid, ended } = phased(trace);
  await expect.poll(() => trace.atWork(), { timeout: 60_000 }).toMatchObject([{ visit: 2 }]);
  // Long enough to be gone.
  await sleep(50);
  expect(trace.atWork()).toMatchObject([{ directory: 'r/one', phase: 'training', pid, visit: 2 }]);
  await trace.hold([]);
  expect(await ended).toEqual([0, null]);
  expect(trace.atWork()).toEqual([]);
  expect(trace.staysIn('r/one')).toMatchObject({ training: { visits: 2 }, saving: { visits: 1 } });
});

test('work waits for nobody who is dead', async () => {
  const trace = await openTrace();
  const order: { by: object } = JSON.parse(meant([{ directory: 'r/one', phase: 'training', visit: 1 }]));
  const dead = { ...order, by: { ...order.by, started: 'long ago' } };
  writeFileSync(path.join(trace.folder, traceFiles.meant), JSON.stringify(dead));
  expect(await phased(trace).ended).toEqual([0, null]);
});
