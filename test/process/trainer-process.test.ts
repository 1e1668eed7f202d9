import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { superviseProcess } from '../../activities/process.ts';
import type { ProcessEnd, Supervision } from '../../activities/process.ts';
import { programFile } from '../../runtime/layout.ts';
import { endProcesses, isAlive } from '../../runtime/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Watched {
  readonly environment: MockActivityEnvironment;
  readonly end: Promise<ProcessEnd>;
  /** Pid of the process that the process started. */
  readonly grandchild: number;
  readonly stall: () => void;
}

/** Runs the stubborn process as an activity would, up to its first word. */
async function begin(manner: 'polite' | 'deaf', directory = `run/${randomUUID()}`): Promise<Watched> {
  const environment = new MockActivityEnvironment();
  const words = new EventEmitter();
  let stalled: number | null = null;
  const program = {
    file: programFile('test/support/stubborn-process.ts'),
    processes: [{ arguments: [manner], environment: {}, log: path.join(temporaryFolder(), 'trainer.log') }],
    results: '/results/of/this/test',
    directory,
  };
  const onMessage = (message: unknown) => words.emit('word', message);
  // Nobody polite is short of time.
  const graceMs = manner === 'polite' ? 60_000 : 300;
  const supervision: Supervision = { graceMs, stalledMs: () => stalled, onMessage };
  const end = environment.run<[], ProcessEnd, () => Promise<ProcessEnd>>(() => superviseProcess(program, supervision));
  const [details] = await once(words, 'word');
  return {
    environment,
    end,
    grandchild: z.object({ grandchild: z.int() }).parse(details).grandchild,
    stall: () => (stalled = 1),
  };
}

function because(reason: ConstructorParameters<typeof ActivityCancellationDetails>[0]): ActivityCancellationDetails {
  return new ActivityCancellationDetails(reason);
}

test('cancelled, it is asked to stop, and what it started ends with it, though that has left its group and session', async () => {
  const { environment, end, grandchild } = await begin('polite');
  expect(isAlive(grandchild)).toBe(true);
  environment.cancel('CANCELLED', because({ cancelRequested: true }));
  expect(await end).toMatchObject({ code: 0, interruption: 'cancel' });
  expect(isAlive(grandchild)).toBe(false);
});

test('what an overtaken attempt at the stage has left on this machine ends before the next one begins', async () => {
  const directory = `run/${randomUUID()}`;
  const [left, other] = [await begin('deaf', directory), await begin('polite')];
  const next = await begin('polite', directory);
  expect(await left.end).toMatchObject({ signal: 'SIGKILL', interruption: null });
  expect([left, other, next].map(({ grandchild }) => isAlive(grandchild))).toEqual([false, true, true]);
  for (const { environment } of [other, next]) environment.cancel('CANCELLED', because({ cancelRequested: true }));
  await Promise.all([other.end, next.end]);
});

test('its end says how much memory it held and what the machine has', async () => {
  const { environment, end } = await begin('polite');
  // It is looked at once a second.
  await sleep(1500);
  environment.cancel('CANCELLED', because({ cancelRequested: true }));
  const { held, machine } = await end;
  expect(held).toBeGreaterThan(10_000_000);
  for (const memory of [machine.before, machine.after]) {
    expect(memory?.available).toBeGreaterThan(0);
    expect(memory?.total).toBeGreaterThan(memory?.available ?? Infinity);
  }
});

test('one that will not stop is killed after the grace time', async () => {
  const { environment, end } = await begin('deaf');
  environment.cancel('WORKER_SHUTDOWN', because({ workerShutdown: true }));
  expect(await end).toMatchObject({ signal: 'SIGKILL', interruption: 'shutdown' });
});

test.each([
  ['timed out', { timedOut: true }],
  ['unknown to the server', { notFound: true }],
])('an attempt that is %s is killed at once, polite or not', async (_, reason) => {
  const { environment, end } = await begin('polite');
  environment.cancel('TIMED_OUT', because(reason));
  expect(await end).toMatchObject({ signal: 'SIGKILL', interruption: 'lost' });
});

test('a stalled process is killed though it lives', async () => {
  const { end, stall } = await begin('polite');
  stall();
  expect(await end).toMatchObject({ signal: 'SIGKILL', interruption: 'stalled' });
});

test('nothing is ever ended that no attempt has started, whatever is asked for', async () => {
  const mine = randomUUID();
  const started = [{ NAS_ATTEMPT: 'one' }, {}].map((more) =>
    spawn('sleep', ['60'], { stdio: 'ignore', env: { ...process.env, TEST_MARK: mine, ...more } }),
  );
  await Promise.all(started.map(async (child) => await once(child, 'spawn')));
  endProcesses((environment) => environment.get('TEST_MARK') === mine);
  expect(started.map(({ pid }) => isAlive(pid!))).toEqual([false, true]);
  started[1]!.kill();
});
