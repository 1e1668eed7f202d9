import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { PathError, placeOf } from '../../artifacts/paths.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('a link leads nowhere but below the results, whatever the folder beside them is called', () => {
  const folder = temporaryFolder();
  const root = path.join(folder, 'results');
  for (const name of ['results/run', 'results-of-others', 'other'])
    mkdirSync(path.join(folder, name), { recursive: true });
  const linked = (target: string): string => {
    const name = `to-${path.basename(target)}`;
    symlinkSync(target, path.join(root, name));
    return placeOf(root, `${name}/file`);
  };
  expect(linked(path.join(root, 'run'))).toBe(path.join(root, 'to-run/file'));
  expect(linked(root)).toBe(path.join(root, 'to-results/file'));
  for (const outside of ['results-of-others', 'other', '.']) {
    expect(() => linked(path.join(folder, outside)), outside).toThrow(PathError);
  }
});

test('what lies here of a bucket goes where other caches go, even where the project has no room for any', async () => {
  const project = temporaryFolder();
  const users = temporaryFolder();
  writeFileSync(path.join(project, '.cache'), 'no folder');
  for (const [name, value] of Object.entries({ NAS_PROJECT: project, NAS_CACHE: '', XDG_CACHE_HOME: users })) {
    vi.stubEnv(name, value);
  }
  vi.resetModules();
  const { storeCache } = await import('../../artifacts/paths.ts');
  expect(storeCache()).toBe(path.join(users, 'fewshot-nas/stores'));
  vi.stubEnv('NAS_CACHE', 'mine');
  expect(storeCache()).toBe(path.join(project, 'mine/stores'));
  vi.unstubAllEnvs();
});
