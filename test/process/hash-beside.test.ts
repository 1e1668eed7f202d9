import { appendFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { HashBeside } from '../../artifacts/s3/hash-beside.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { threadsBegun } from '../support/threads-begun.ts';

/** A file that begins with these bytes, and what hashes it. */
function hashed(bytes: Buffer | string): { file: string; beside: HashBeside } {
  const file = path.join(temporaryFolder(), 'file');
  writeFileSync(file, bytes);
  const beside = new HashBeside(file);
  onTestFinished(async () => await beside.end());
  return { file, beside };
}

test('a file is hashed while it grows, and only what is said to be there', async () => {
  const bytes = Buffer.alloc(3_500_001);
  for (let at = 0; at + 4 <= bytes.length; at += 4) bytes.writeUInt32LE(at, at);
  const { file, beside } = hashed(bytes.subarray(0, 2_000_000));
  beside.grown(1_000_000);
  beside.grown(2_000_000);
  appendFileSync(file, bytes.subarray(2_000_000));
  appendFileSync(file, 'of what comes later');
  expect(await beside.digest(bytes.length)).toBe(sha256Of(bytes));
});

test('an empty file has a hash as well', async () => {
  expect(await hashed('').beside.digest(0)).toBe(sha256Of(''));
});

test('a file that ends before it should has none', async () => {
  const { file, beside } = hashed('four');
  await expect(beside.digest(5)).rejects.toMatchObject({
    ending: 'Crashed',
    message: `${file}: expected its sha256, got Error: the file ends after 4 bytes of 5`,
    cause: { message: 'the file ends after 4 bytes of 5' },
  });
});

test('a hash that nobody waits for is given up without a word, and its thread ends', async () => {
  const threads = threadsBegun();
  // One that goes well, and one that fails.
  for (const [at, bytes] of [2, 9].entries()) {
    const { beside } = hashed('four');
    beside.grown(bytes);
    await vi.waitFor(() => expect(threads).toHaveLength(at + 1));
    await beside.end();
    expect(threads[at]!.threadId).toBe(-1);
  }
});
