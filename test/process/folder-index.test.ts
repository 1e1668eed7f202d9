import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { FolderIndex } from '../../artifacts/folder-index.ts';
import { FolderStore } from '../../artifacts/folder-store.ts';
import { ManifestError } from '../../artifacts/manifest.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { claim, tokenOf } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let root = '';
beforeEach(() => {
  root = temporaryFolder();
});

const inIndex = (...names: string[]): string => path.join(root, '.index', ...names);

/** A stage of the folder; done, unless it is said to be at work. */
async function stageIn(directory: string, isDone = true): Promise<void> {
  const stage = await HeldStage.claim(new FolderStore(root), directory, tokenOf(), claim);
  if (isDone) await stage.end({ ending: 'done', phases: null }, { state: 'done', outputs: {} });
}

test('runs that nobody knows are looked through once, and what is at work or cannot be read is no finished work', async () => {
  for (const directory of ['a/one', 'a/deep/two', '.hidden/one']) await stageIn(directory);
  await stageIn('a/running', false);
  await stageIn('b/broken');
  for (const name of readdirSync(path.join(root, 'b/broken')))
    if (name.endsWith('.json')) writeFileSync(path.join(root, 'b/broken', name), '{');
  const store = new FolderStore(root);
  expect(await store.recall([claim.fingerprint])).toEqual([['a/deep/two', 'a/one']]);
  expect(readdirSync(inIndex('runs')).toSorted()).toEqual(['a', 'b']);
  // Not again: what is done there from now on is added by whoever does it.
  await stageIn('a/three');
  expect(await store.recall([claim.fingerprint])).toEqual([['a/deep/two', 'a/one']]);
});

test('a stage is a file whose name says its directory, or where that is too long, a file that says it', async () => {
  const index = new FolderIndex(root, async () => null);
  const fits = `run/${'x'.repeat(194)}`;
  const long = `${fits}y`;
  expect(encodeURIComponent(fits)).toHaveLength(200);
  for (const directory of [fits, long]) await index.add('f', directory);
  const names = readdirSync(inIndex('f'));
  expect(names).toContain(encodeURIComponent(fits));
  const hashed = names.find((name) => /^[0-9a-f]{64}$/.test(name))!;
  expect(readFileSync(inIndex('f', hashed), 'utf8')).toBe(long);
  writeFileSync(inIndex('f', 'half-written.tmp'), '');
  expect(await index.find(['f', 'none'])).toEqual([[fits, long], []]);
});

test('trouble with a manifest that is no mistake in it is told, and the run is looked through again', async () => {
  await stageIn('a/one');
  const broken = new FolderIndex(root, async () => {
    throw new ManifestError('wrong');
  });
  mkdirSync(inIndex(), { recursive: true });
  const unreadable = new FolderIndex(root, async () => {
    throw new Error('EIO');
  });
  await expect(unreadable.find([claim.fingerprint])).rejects.toThrow('EIO');
  expect(existsSync(inIndex('runs', 'a'))).toBe(false);
  expect(await broken.find([claim.fingerprint])).toEqual([[]]);
  expect(existsSync(inIndex('runs', 'a'))).toBe(true);
});

test('stages lie below runs, six folders deep at most, and nowhere in the folders that stages keep for themselves', async () => {
  const put = (folder: string, name = 'manifest.1.json'): void => {
    mkdirSync(path.join(root, folder), { recursive: true });
    writeFileSync(path.join(root, folder, name), '{}');
  };
  for (const folder of ['', 'run', 'run/one', 'run/2/3/4/5/6', 'run/2/3/4/5/6/7', 'run/one/older/a', 'run/.pending']) {
    put(folder);
  }
  put('run/old', 'manifest.json');
  put('run/none', 'manifest.x.json');
  const index = new FolderIndex(root, async () => null);
  expect(await index.stages()).toEqual(['run', 'run/2/3/4/5/6', 'run/old', 'run/one']);
  expect(await index.stages('run')).toEqual(['run', 'run/2/3/4/5/6', 'run/old', 'run/one']);
  expect(await index.stages('other')).toEqual([]);
});
