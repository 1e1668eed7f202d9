import type * as fs from 'node:fs/promises';
import { existsSync, readdirSync, readFileSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import {
  atomicWrite,
  copyWhole,
  entriesOf,
  fillNew,
  fillUnsynced,
  isNoFile,
  linkFirst,
  linkOrCopy,
  logsIn,
  sha256File,
  sha256Of,
  statOf,
} from '../../artifacts/files.ts';
import { FolderManifests, KEPT, newestIn, sweepManifests } from '../../artifacts/folder-manifests.ts';
import { FolderStore } from '../../artifacts/folder-store.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';
import { noted } from '../support/stores.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// A file system that fails: each call named here fails with the next of its codes, before it has done anything.

const failing = vi.hoisted(() => new Map<string, string[]>());
const waits = vi.hoisted(() => ({ all: [] as number[], after: (): void => undefined }));

function checked<Given extends unknown[], Result>(name: string, call: (...given: Given) => Promise<Result>) {
  return async (...given: Given): Promise<Result> => {
    const code = failing.get(name)?.shift();
    if (code !== undefined) throw Object.assign(new Error(`${code}: injected`), { code });
    return await call(...given);
  };
}

vi.mock('node:fs/promises', async (original) => {
  const real: typeof fs = await original();
  return {
    ...real,
    link: checked('link', real.link),
    rename: checked('rename', real.rename),
    stat: checked('stat', async (file: string) => await real.stat(file)),
    readdir: checked('readdir', async (folder: string) => await real.readdir(folder)),
  };
});

// Waits are written down and not waited for.
vi.mock('node:timers/promises', () => ({
  setTimeout: async (ms: number) => {
    waits.all.push(ms);
    waits.after();
  },
}));

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
  failing.clear();
  waits.all.length = 0;
  waits.after = () => undefined;
});

/** A file with that text, of the test's folder. */
function made(name: string, text = name): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

test('a link that fails is tried again, after longer and longer waits, and in the end its error is told', async () => {
  const [source, target] = [made('source'), path.join(folder, 'target')];
  failing.set('link', ['EIO', 'ESTALE']);
  expect(await linkFirst(source, target)).toBe(true);
  expect(waits.all).toEqual([50, 100]);
  failing.set('link', Array(9).fill('EIO'));
  const another = made('another');
  await expect(linkFirst(another, path.join(folder, 'other'))).rejects.toThrow('EIO: injected');
  expect(waits.all.slice(2)).toEqual([50, 100, 150, 200]);
});

test("a name that is taken is nobody else's, and a file that was swept away gets none", async () => {
  const [source, taken] = [made('source'), made('taken')];
  expect(await linkFirst(source, taken)).toBe(false);
  expect(readFileSync(taken, 'utf8')).toBe('taken');
  expect(await linkFirst(path.join(folder, 'gone'), path.join(folder, 'target'))).toBe(false);
  expect(waits.all).toEqual([]);
});

test('what cannot be linked is copied', async () => {
  const source = made('source');
  await linkOrCopy(source, path.join(folder, 'linked'));
  failing.set('link', ['EPERM']);
  await linkOrCopy(source, path.join(folder, 'copied'));
  expect(readFileSync(path.join(folder, 'copied'), 'utf8')).toBe('source');
  expect(statSync(source).nlink).toBe(2);
});

test('a write or a copy that fails leaves what was there, and nothing beside it', async () => {
  const file = made('file', 'old');
  failing.set('rename', ['ENOSPC', 'ENOSPC']);
  await expect(atomicWrite(file, 'new')).rejects.toThrow('ENOSPC');
  await expect(copyWhole(made('other'), file)).rejects.toThrow('ENOSPC');
  expect(readFileSync(file, 'utf8')).toBe('old');
  expect(readdirSync(folder).toSorted()).toEqual(['file', 'other']);
  await atomicWrite(file, 'new');
  expect(readFileSync(file, 'utf8')).toBe('new');
  await copyWhole(made('other'), file);
  expect(readFileSync(file, 'utf8')).toBe('other');
  expect(readdirSync(folder).toSorted()).toEqual(['file', 'other']);
});

const place = (name: string): string => path.join(folder, name);

/** Writes `text`, and says something of it. */
const saying = (said: unknown) => (file: string) => {
  writeFileSync(file, 'text');
  return said;
};

test('a file is hashed, unless whoever writes it says its hash', async () => {
  expect(await fillNew(place('a'), { content: 'text' })).toBe(sha256Of('text'));
  expect(await fillNew(place('b'), { write: saying(undefined) })).toBe(sha256Of('text'));
  expect(await fillUnsynced(place('c'), { write: saying({ sha256: 'known' }) })).toBe('known');
  for (const [at, said] of [{ sha256: 7 }, {}, null, 'known'].entries()) {
    expect(await fillUnsynced(place(`d${at}`), { write: saying(said) })).toBe(sha256Of('text'));
  }
  await expect(fillNew(place('a'), { content: 'other' })).rejects.toThrow('EEXIST');
});

test('that a file or a folder is not there is an answer; that it cannot be read is an error', async () => {
  expect(await statOf(path.join(folder, 'gone'))).toBeNull();
  expect(await entriesOf(path.join(folder, 'gone'))).toEqual([]);
  expect(await entriesOf(made('file'))).toEqual([]);
  failing.set('stat', ['EIO']);
  failing.set('readdir', ['EIO']);
  await expect(statOf(folder)).rejects.toThrow('EIO');
  await expect(entriesOf(folder)).rejects.toThrow('EIO');
  const codes = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EIO', 'EACCES', 'ESTALE'];
  expect(codes.map((code) => isNoFile(Object.assign(new Error(code), { code })))).toEqual([
    ...Array(5).fill(true),
    ...Array(3).fill(false),
  ]);
});

test('hashing stops where nobody wants the hash any more', async () => {
  const file = made('file');
  await expect(sha256File(file, AbortSignal.abort(new Error('enough')))).rejects.toMatchObject({ name: 'AbortError' });
  expect(await sha256File(file)).toBe(sha256Of('file'));
});

test('logs come in the order of the ranks', async () => {
  for (const name of ['trainer.10.log', 'trainer.2.log', 'trainer.log', 'trainer.json']) made(name);
  expect((await logsIn(folder)).map((log) => path.basename(log))).toEqual([
    'trainer.log',
    'trainer.2.log',
    'trainer.10.log',
  ]);
});

test('a manifest that is swept away between two looks is looked for again, and given up after some seconds', async () => {
  const store = new FolderStore(folder);
  const stage = await HeldStage.claim(store, directory, tokenOf(), claim);
  const dangling = path.join(folder, directory, 'manifest.99.json');
  symlinkSync(path.join(folder, 'nowhere'), dangling);
  waits.all.length = 0;
  waits.after = () => {
    if (waits.all.length === 3) unlinkSync(dangling);
  };
  expect(await new FolderManifests(folder).read(directory)).toEqual(stage.manifest);
  expect(waits.all).toEqual([10, 11, 12]);
  symlinkSync(path.join(folder, 'nowhere'), dangling);
  waits.after = () => undefined;
  await expect(new FolderManifests(folder).read(directory)).rejects.toMatchObject({
    ending: 'Crashed',
    message: `${directory}: expected to read its newest manifest, got others each time`,
  });
  expect(waits.all).toHaveLength(203);
});

test('a manifest that has not changed is read once, and one that has is read again', async () => {
  const stage = await HeldStage.claim(new FolderStore(folder), directory, tokenOf(), claim);
  const manifests = new FolderManifests(folder);
  const first = await manifests.read(directory);
  expect(await manifests.read(directory)).toBe(first);
  await stage.change(noted('changed'));
  expect((await manifests.read(directory))?.notices).toEqual(['changed']);
  const file = path.join(folder, directory, 'manifest.2.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace('changed', 'by a hand'));
  expect((await manifests.read(directory))?.notices).toEqual(['by a hand']);
  failing.set('stat', ['EIO']);
  await expect(manifests.read(directory)).rejects.toThrow('EIO');
});

test('the newest manifests stay, and all older ones go, that of release 0.1.0 with them', async () => {
  for (const name of [
    'manifest.json',
    'manifest.4.json',
    'manifest.5.json',
    'manifest.6.json',
    'manifest.12.json',
    'log',
  ])
    made(name);
  expect(await newestIn(folder)).toBe(12);
  await sweepManifests(folder, 8);
  expect(KEPT).toBe(3);
  expect(readdirSync(folder).toSorted()).toEqual(['log', 'manifest.12.json', 'manifest.6.json']);
  expect(existsSync(path.join(folder, 'log'))).toBe(true);
  expect(await newestIn(path.join(folder, 'gone'))).toBe(0);
});
