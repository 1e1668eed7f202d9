import type { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';

/** The threads that this process begins from now on, for as long as the test runs. */
export function threadsBegun(): readonly Worker[] {
  const threads: Worker[] = [];
  const noted = (thread: Worker): void => void threads.push(thread);
  process.on('worker', noted);
  onTestFinished(() => void process.off('worker', noted));
  return threads;
}
