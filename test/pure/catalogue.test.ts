import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { catalogue, runOf, stageAt, stageNamed, stagesOfRun } from '../../artifacts/catalogue.ts';
import { sha256Of } from '../../artifacts/files.ts';
import {
  openablePath,
  openStore,
  openStoreAside,
  readManifest,
  readResult,
  removeStore,
} from '../../artifacts/results.ts';
import { finishedManifest } from '../support/manifests.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Results with those stages; what `texts` has for one is its manifest's text. */
function resultsWith(stages: readonly string[], texts: Readonly<Record<string, string>> = {}): string {
  const root = temporaryFolder();
  for (const directory of stages) {
    mkdirSync(path.join(root, directory), { recursive: true });
    const stage = path.basename(directory);
    const text = texts[directory] ?? JSON.stringify({ ...finishedManifest(`${directory}/out`), stage });
    writeFileSync(path.join(root, directory, 'manifest.1.json'), text);
  }
  return root;
}

test('all stages that can be read are listed in the order of their directories, of one run or of all', async () => {
  const many = Array.from({ length: 40 }, (_, at) => `many/cell-${String(at).padStart(2, '0')}`);
  const root = resultsWith(['b/two', 'b/broken', 'a/one', ...many], { 'b/broken': '{' });
  expect((await catalogue(root)).map(({ directory }) => directory)).toEqual(['a/one', 'b/two', ...many]);
  expect((await catalogue(root, 'b')).map(({ directory, manifest }) => [directory, manifest.stage])).toEqual([
    ['b/two', 'two'],
  ]);
  expect(await catalogue(root, 'none')).toEqual([]);
});

test('a run without results is told with where they were looked for', async () => {
  const root = resultsWith(['a/one']);
  expect(await stagesOfRun(root, 'a')).toHaveLength(1);
  await expect(stagesOfRun(root, 'b')).rejects.toMatchObject({
    ending: 'BadInput',
    message: `run b: expected results below ${root}, got none; \`nas list\` shows the runs, NAS_RESULTS names another folder`,
  });
  await expect(stagesOfRun(root, '../a')).rejects.toThrow('run id: expected');
});

test('a stage is named by its folder, or by its id where only one has that', async () => {
  const stages = await catalogue(resultsWith(['a/one', 'a/deep/one', 'a/deep/two', 'b/two']));
  const named = (name: string): string | undefined => stageNamed(stages, name)?.directory;
  expect([named('a/one'), named('a/deep/one'), named('b/two')]).toEqual(['a/one', 'a/deep/one', 'b/two']);
  expect([named('a/two'), named('b/one'), named('two'), named('a/none')]).toEqual([
    'a/deep/two',
    undefined,
    undefined,
    undefined,
  ]);
  const cells = await catalogue(resultsWith(['a/x/one', 'a/y/one']));
  expect(stageNamed(cells, 'a/one')).toBeUndefined();
  expect(['a/one/out', 'a', ''].map(runOf)).toEqual(['a', 'a', '']);
});

test('a stage that is not there, or whose manifest cannot be read, is none; any other trouble is an error', async () => {
  const store = openStore(resultsWith(['a/one', 'a/broken'], { 'a/broken': '[]' }));
  expect((await stageAt(store, 'a/one'))?.manifest.state).toBe('done');
  expect([await stageAt(store, 'a/none'), await stageAt(store, 'a/broken')]).toEqual([null, null]);
  await expect(stageAt(store, '../a')).rejects.toThrow('results path: expected');
});

test('results are read by what they hold, and a store is opened once', async () => {
  const root = resultsWith(['a/one']);
  writeFileSync(path.join(root, 'a/one/out'), 'text');
  const file = { file: 'a/one/out', sha256: sha256Of('text') };
  expect(await readResult(root, file)).toBe('text');
  expect(await openablePath(root, file)).toBe(path.join(root, 'a/one/out'));
  await expect(readResult(root, { ...file, sha256: '0'.repeat(64) })).rejects.toThrow('a/one/out: expected sha256 000');
  expect(openStore(path.relative(process.cwd(), root))).toBe(openStore(root));
  expect(openStoreAside(root)).toBe(openStore(root));
  expect((await readManifest(root, 'a/one'))?.stage).toBe('one');
  await removeStore(root);
  expect(await readManifest(root, 'a/one')).toBeNull();
  await removeStore(root);
});
