import { fork } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { ThreadedStore } from '../../artifacts/s3/threaded-store.ts';
import { BadInput } from '../../plan/endings.ts';
import { programFile } from '../../runtime/layout.ts';
import { refusal, scriptedBucket } from '../support/scripted-bucket.ts';
import { directory } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

beforeEach(() => void vi.stubEnv('NAS_CACHE', temporaryFolder()));

test('what goes wrong in the thread is told as if it were here', async () => {
  const { root } = await scriptedBucket(({ method }) =>
    method === 'HEAD' ? { status: 404 } : refusal('AccessDenied', 403),
  );
  const store = new ThreadedStore(root);
  const file = { file: `${directory}/a.csv`, sha256: '0'.repeat(64) };
  const refused = await store.read(directory).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(BadInput);
  expect(refused).toMatchObject({
    message: expect.stringMatching(
      /^s3:\/\/b\/p\/runs\/.*: expected to be let in, got 403 AccessDenied; give these keys/,
    ),
  });
  // The one that went wrong has not ended it.
  expect(await store.has(file)).toBe(false);
  const { root: busy } = await scriptedBucket(() => refusal('Odd', 400));
  await expect(new ThreadedStore(busy).read(directory)).rejects.toMatchObject({
    ending: 'Crashed',
    message: expect.stringContaining('expected the bucket to do it, got 400 Odd; it is tried again'),
  });
});

test('a store whose thread is gone says so, whenever it is asked', { timeout: 20_000 }, async () => {
  const store = new ThreadedStore('s3://');
  for (const ms of [0, 0, 500]) {
    await setTimeout(ms);
    await expect(store.read(directory)).rejects.toMatchObject({
      ending: 'Crashed',
      message: expect.stringMatching(/^s3:\/\/: expected answers of the store's thread, got BadInput: /),
    });
  }
});

test('a process ends when all that it asked a store with a thread is answered, and not before', async () => {
  const { root } = await scriptedBucket(() => ({ headers: { 'content-length': '7' } }));
  const child = fork(programFile('test/support/threaded-store-process.ts'), [root], { silent: true, execArgv: [] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [said, [code]] = await Promise.all([text(child.stdout!), once(child, 'exit')]);
  expect([said, code]).toEqual(['7 7\n', 0]);
});
