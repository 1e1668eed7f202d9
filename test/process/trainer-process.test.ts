import path from 'node:path';
import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { EventEmitter, once } from 'node:events';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { superviseProcess } from '../../activities/stage-process.ts';
import type { ProcessEnd, Supervision } from '../../activities/stage-process.ts';
import { identityOf, livenessOf } from '../../runtime/process-identity.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

interface Watched {
  readonly environment: MockActivityEnvironment;
  readonly end: Promise<ProcessEnd>;
  /** Pid of the process that the process started. */
  readonly grandchild: number;
  readonly stall: () => void;
}

/** Runs the stubborn process as an activity would, up to its first word. */
async function begin(manner: 'polite' | 'deaf'): Promise<Watched> {
  const environment = new MockActivityEnvironment();
  const words = new EventEmitter();
  let stalled: number | null = null;
  const program = {
    file: path.resolve('test/support/stubborn-process.ts'),
    arguments: [manner],
    environment: {},
    log: path.join(temporaryFolder(), 'trainer.log'),
  };
  const heard = (message: unknown) => words.emit('word', message);
  // Nobody polite is short of time.
  const graceMs = manner === 'polite' ? 60_000 : 300;
  const supervision: Supervision = { graceMs, stalledMs: () => stalled, heard };
  const end = environment.run<[], ProcessEnd, () => Promise<ProcessEnd>>(() => superviseProcess(program, supervision));
  const [details] = await once(words, 'word');
  return {
    environment,
    end,
    grandchild: z.object({ grandchild: z.int() }).parse(details).grandchild,
    stall: () => (stalled = 1),
  };
}

function isAlive(pid: number): boolean {
  return livenessOf(identityOf(pid)) === 'alive';
}

function because(reason: ConstructorParameters<typeof ActivityCancellationDetails>[0]): ActivityCancellationDetails {
  return new ActivityCancellationDetails(reason);
}

test('cancelled, it is asked to stop, and what it started ends with it', async () => {
  const { environment, end, grandchild } = await begin('polite');
  environment.cancel('CANCELLED', because({ cancelRequested: true }));
  expect(await end).toMatchObject({ code: 0, interruption: 'cancel' });
  await expect.poll(() => isAlive(grandchild), { timeout: 30_000 }).toBe(false);
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
