import { createHash } from 'node:crypto';
import { openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { z } from 'zod';
import type { Grown } from './hash-beside.ts';

// The thread of a HashBeside: reads what has been added to the file, and says the sha256 of all of it in the end.

const file = openSync(z.string().parse(workerData), 'r');
const hash = createHash('sha256');
const buffer = Buffer.allocUnsafe(1024 * 1024);
let hashed = 0;

parentPort?.on('message', ({ bytes, isAll }: Grown) => {
  while (hashed < bytes) {
    const read = readSync(file, buffer, 0, Math.min(buffer.length, bytes - hashed), hashed);
    if (read === 0) throw new Error(`the file ends after ${hashed} bytes of ${bytes}`);
    hash.update(buffer.subarray(0, read));
    hashed += read;
  }
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread is no window
  if (isAll) parentPort?.postMessage(hash.digest('hex'));
});
