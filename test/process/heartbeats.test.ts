import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, onTestFinished, test, vi } from 'vitest';
import { interruptionOf, withHeartbeats } from '../../activities/attempt.ts';
import { BadInput } from '../../plan/endings.ts';
import { settledIn } from '../support/settled-in.ts';

/** All heartbeats that were sent when the work begins, after its first report, and after each of the times; and when it is long over. */
async function beats(limit: { heartbeatTimeoutMs?: number }, times: readonly number[]): Promise<unknown[][]> {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const environment = new MockActivityEnvironment(limit);
  const sent: unknown[] = [];
  environment.on('heartbeat', (details) => sent.push(details));
  const found: unknown[][] = [];
  await environment.run(() =>
    withHeartbeats(async (report) => {
      found.push([...sent]);
      report({ at: 1 });
      for (const ms of [0, ...times]) {
        vi.advanceTimersByTime(ms);
        found.push([...sent]);
      }
    }),
  );
  vi.advanceTimersByTime(60_000);
  return [...found, sent];
}

test('go out at once, with each report, and every two seconds with what was last reported, until the work is over', async () => {
  const at = { at: 1 };
  expect(await beats({}, [1999, 1, 2000])).toEqual([
    [null],
    [null, at],
    [null, at],
    [null, at, at],
    [null, at, at, at],
    [null, at, at, at],
  ]);
});

test('go out four times as often as they may fail to come', async () => {
  const counts = (await beats({ heartbeatTimeoutMs: 4000 }, [999, 1, 1000])).map((sent) => sent.length);
  expect(counts).toEqual([1, 2, 2, 3, 4, 4]);
});

async function endOf(environment: MockActivityEnvironment, error: Error): Promise<unknown> {
  const body = async (): Promise<never> => {
    throw error;
  };
  const end = await settledIn(environment, () => withHeartbeats(body));
  return end.status === 'rejected' ? end.reason : end;
}

test('work that was aborted is told for what the server wants, where it wants something', async () => {
  const environment = new MockActivityEnvironment();
  const aborted = Object.assign(new Error('aborted'), { name: 'AbortError' });
  expect(await endOf(environment, aborted)).toBe(aborted);
  environment.cancel('WORKER_SHUTDOWN', new ActivityCancellationDetails({ workerShutdown: true }));
  expect(await endOf(environment, aborted)).toMatchObject({
    by: 'shutdown',
    message: 'the worker shut down; nothing was begun',
  });
  const wrong = new BadInput('wrong');
  expect(await endOf(environment, wrong)).toBe(wrong);
});

test.each([
  ['timed out', { timedOut: true }, 'lost'],
  ['unknown to the server', { notFound: true, cancelRequested: true }, 'lost'],
  ['of a worker that shuts down', { workerShutdown: true }, 'shutdown'],
  ['paused', { paused: true }, 'operator'],
  ['reset', { reset: true }, 'operator'],
  ['cancelled', { cancelRequested: true }, 'cancel'],
])('an activity that is %s is ended for that reason', (_, details, reason) => {
  const environment = new MockActivityEnvironment();
  expect(interruptionOf(environment.context)).toBe('cancel');
  environment.cancel('CANCELLED', new ActivityCancellationDetails(details));
  expect(interruptionOf(environment.context)).toBe(reason);
});
