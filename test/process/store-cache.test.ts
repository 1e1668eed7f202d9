import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('what lies here of a bucket goes where other caches go, even where the project has no room for any', async () => {
  const project = temporaryFolder();
  const users = temporaryFolder();
  writeFileSync(path.join(project, '.cache'), 'no folder');
  for (const [name, value] of Object.entries({ NAS_PROJECT: project, NAS_CACHE: '', XDG_CACHE_HOME: users })) {
    vi.stubEnv(name, value);
  }
  const { storeCache } = await import('../../artifacts/paths.ts');
  expect(storeCache()).toBe(path.join(users, 'fewshot-nas/stores'));
  vi.stubEnv('NAS_CACHE', 'mine');
  expect(storeCache()).toBe(path.join(project, 'mine/stores'));
  vi.unstubAllEnvs();
});
