import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, onTestFinished } from 'vitest';

/** A folder of this test alone, gone after it. */
export function temporaryFolder(): string {
  const folder = newFolder();
  onTestFinished(() => removeFolder(folder));
  return folder;
}

/** A folder of all tests of a file, gone after them and what else the file does after all. */
export function sharedFolder(): string {
  const folder = newFolder();
  afterAll(() => removeFolder(folder));
  return folder;
}

/** A folder that whoever asked for it removes. */
export function newFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'fewshot-nas-'));
}

/** Tried again, for a process of the test that is still ending may write into it. */
export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
