import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** The bundle as a process that starts now gets it. */
async function bundleOfNewProcess(): Promise<string> {
  vi.resetModules();
  const { workflowCode } = await import('../../workers/workflow-bundle.ts');
  return (await workflowCode()).workflowBundle.code;
}

test('the bundle of the workflow code is kept, and made anew where it is damaged or of other code', async () => {
  const cache = temporaryFolder();
  vi.stubEnv('NAS_CACHE', cache);
  const file = path.join(cache, 'workflows.json');
  // What a process left that was ended while it wrote.
  writeFileSync(file, '{"made":');
  const code = await bundleOfNewProcess();
  expect(code).toContain('pipeline');
  const kept = JSON.parse(readFileSync(file, 'utf8'));
  expect(kept.code).toBe(code);
  writeFileSync(file, JSON.stringify({ ...kept, code: 'kept' }));
  expect(await bundleOfNewProcess()).toBe('kept');
  writeFileSync(file, JSON.stringify({ made: 'of other code', code: 'old' }));
  expect((await bundleOfNewProcess()).length).toBe(code.length);
});
