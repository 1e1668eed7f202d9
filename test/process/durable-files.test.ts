import type * as files from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { atomicWrite, fillNew, linkOrCopy, writeNew } from '../../artifacts/files.ts';
import { FolderStore } from '../../artifacts/folder-store.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// What a power cut leaves is what was synced before it: the order of the calls to the system is all there is to see of that.

const calls = vi.hoisted(() => [] as string[]);

vi.mock('node:fs/promises', async (original) => {
  const real: typeof files = await original();
  const open = async (file: string, how: string): Promise<files.FileHandle> => {
    const handle = await real.open(file, how);
    const sync = handle.sync.bind(handle);
    handle.sync = async () => {
      await sync();
      calls.push(`sync ${file}`);
    };
    return handle;
  };
  const rename = async (from: string, to: string): Promise<void> => {
    await real.rename(from, to);
    calls.push(`name ${to}`);
  };
  const link = async (from: string, to: string): Promise<void> => {
    await real.link(from, to);
    calls.push(`name ${to}`);
  };
  return { ...real, open, rename, link };
});

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
  calls.length = 0;
});

/** The calls with random names left out. */
function said(): string[] {
  return calls.map((call) =>
    call
      .replace(`${folder}/`, '')
      .replace(folder, '.')
      .replace(/\.[^ /]*\.tmp$/, '.tmp'),
  );
}

test('bytes are on disk before they have their name, and the name before anybody is told', async () => {
  await atomicWrite(path.join(folder, 'file'), 'text');
  expect(said()).toEqual(['sync file.tmp', 'name file', 'sync .']);
});

test('a new file is on disk when it is there, however it is made', async () => {
  await writeNew(path.join(folder, 'one'), 'text');
  await fillNew(path.join(folder, 'two'), { content: 'text' });
  await fillNew(path.join(folder, 'three'), { write: async (file: string) => await writeNew(file, 'text') });
  await linkOrCopy(path.join(folder, 'one'), path.join(folder, 'four'));
  expect(said()).toEqual(['sync one', 'sync two', 'sync three', 'sync three', 'name four', 'sync four']);
});

test('a manifest gets its number after the files that it names are on disk, and is on disk before they get their names', async () => {
  const stage = await HeldStage.claim(new FolderStore(folder), directory, tokenOf(), claim);
  calls.length = 0;
  await stage.put({ 'out.txt': 'made' });
  const seen = said();
  const at = (pattern: RegExp): number => {
    const found = seen.findIndex((call) => pattern.test(call));
    expect(found, `${pattern} in ${seen.join(', ')}`).toBeGreaterThanOrEqual(0);
    return found;
  };
  const numbered = at(/^name .*manifest\.2\.json$/);
  const content = at(/^sync .*\.pending\/[0-9a-f]{16}$/);
  const manifest = at(/^sync .*\.pending\/manifest\./);
  expect(Math.max(content, manifest)).toBeLessThan(at(/^sync .*\.pending$/));
  expect(at(/^sync .*\.pending$/)).toBeLessThan(numbered);
  const inStage = `sync ${directory}`;
  expect(seen.indexOf(inStage)).toBe(numbered + 1);
  const named = at(/^name .*out\.txt$/);
  expect(named).toBeGreaterThan(numbered + 1);
  expect(seen.lastIndexOf(inStage)).toBeGreaterThan(named);
});
