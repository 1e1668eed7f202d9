import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import { endingOf } from '../../plan/endings.ts';
import type { Answer, Call } from './threaded-store.ts';
import { S3Store } from './s3-store.ts';

// The thread of a ThreadedStore: carries out the calls that it is sent.

const store = new S3Store(z.string().parse(workerData));

async function answered({ id, method, given }: Call): Promise<Answer> {
  try {
    // The one who calls has typed them.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const call = store[method] as (...all: unknown[]) => Promise<unknown>;
    return { id, value: await call.apply(store, [...given]) };
  } catch (error) {
    return { id, failed: { ending: endingOf(error), message: error instanceof Error ? error.message : String(error) } };
  }
}

parentPort?.on('message', (call: Call) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
  void answered(call).then((answer) => parentPort?.postMessage(answer));
});
