import path from 'node:path';
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import type * as fs from 'node:fs';
import type * as promises from 'node:fs/promises';
import { describe, expect, test, vi } from 'vitest';
import { FolderStore } from '../../artifacts/folder-store.ts';
import { sha256Of } from '../../artifacts/files.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { randomOf } from '../../nas/space/random.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';
import { isWhole, noted } from '../support/stores.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Makes single calls of the file system fail: a link after it was made, as NFS does, a rename or a read before. */
const faults = vi.hoisted(() => ({
  link: (): string | null => null,
  rename: (): string | null => null,
  read: (): string | null => null,
}));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof promises>();
  return {
    ...real,
    link: async (from: string, to: string) => {
      await real.link(from, to);
      fail(faults.link());
    },
    rename: async (from: string, to: string) => {
      fail(faults.rename());
      await real.rename(from, to);
    },
  };
});

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  const createReadStream: typeof fs.createReadStream = (...given) => {
    const stream = real.createReadStream(...given);
    const code = faults.read();
    if (code !== null) stream.destroy(Object.assign(new Error(`${code}: injected`), { code }));
    return stream;
  };
  return { ...real, createReadStream };
});

function fail(code: string | null): void {
  if (code !== null) throw Object.assign(new Error(`${code}: injected`), { code });
}

describe('a folder', () => {
  test('finished work is found by its fingerprint also in a run that was copied here', async () => {
    const store = new FolderStore(temporaryFolder());
    const finish = async (of: string) => {
      const stage = await HeldStage.claim(store, of, tokenOf(), claim);
      await stage.end({ ending: 'done', phases: null }, { state: 'done', outputs: {} });
    };
    await finish('one/stage');
    expect(await store.recall([claim.fingerprint])).toEqual([['one/stage']]);
    await finish('one/later');
    await store.remember(claim.fingerprint, 'one/later');
    await finish('two/deep/cell');
    expect(await store.recall([claim.fingerprint])).toEqual([['one/later', 'one/stage', 'two/deep/cell']]);
  });

  test('a killed writer that had named a file and not placed it has its file placed by the next attempt', async () => {
    const store = new FolderStore(temporaryFolder());
    const stage = await HeldStage.claim(store, directory, tokenOf(), claim);
    const place = { file: `${directory}/table.csv`, sha256: sha256Of('a,b') };
    let renames = 0;
    // The second one would give the file its name.
    faults.rename = () => (++renames === 2 ? 'EIO' : null);
    const failed = stage.commit([{ file: place.file, content: 'a,b' }]);
    await expect(failed)
      .rejects.toThrow('EIO: injected')
      .finally(() => (faults.rename = () => null));
    expect(await store.has(place)).toBe(false);
    await HeldStage.claim(store, directory, tokenOf({ attempt: 2 }), claim);
    expect(await store.fetch(place)).toBeTruthy();
    expect(await isWhole(store, directory)).toBe(true);
  });

  test('believes no lost answer: what was carried out counts once, what was not is done again', async () => {
    const store = new FolderStore(temporaryFolder());
    const stage = await HeldStage.claim(store, directory, tokenOf(), claim);
    const random = randomOf(7, 'faults');
    faults.link = () => (random.uniform() < 0.3 ? random.pick(['EEXIST', 'EIO', 'ETIMEDOUT']) : null);
    const numbers: number[] = [];
    const write = async (writer: number): Promise<void> => {
      const held = await HeldStage.take(store, directory, stage.token);
      for (let at = 0; at < 20; at++) {
        await held.change(noted(`${writer} ${at}`));
        numbers.push(held.manifest.sequence);
      }
    };
    try {
      // By itself a writer does nothing twice.
      await write(0);
      expect(numbers).toEqual(Array.from({ length: 20 }, (__, at) => stage.manifest.sequence + 1 + at));
      // Beside others it does again what they have left far behind.
      await Promise.all([1, 2, 3, 4].map(write));
    } finally {
      faults.link = () => null;
    }
    const manifest = (await store.read(directory))!;
    expect(new Set(numbers).size).toBe(100);
    expect(manifest.notices).toHaveLength(100);
    expect(manifest.sequence).toBe(Math.max(...numbers));
  });

  test('a file that cannot be read just now is tried again; one that is not there, or has other bytes, is bad input', async () => {
    const store = new FolderStore(temporaryFolder());
    const stage = await HeldStage.claim(store, directory, tokenOf(), claim);
    const { 'table.csv': table } = await stage.put({ 'table.csv': 'a,b' });
    for (const code of ['EIO', 'ESTALE', 'ETIMEDOUT']) {
      faults.read = () => code;
      const [fetched, hashed] = await Promise.allSettled([store.fetch(table), store.hashOf(table)]);
      faults.read = () => null;
      for (const end of [fetched, hashed]) {
        expect(end).toMatchObject({ reason: { name: 'FileFault', ending: 'Crashed' } });
      }
    }
    const gone = { ...table, file: `${directory}/gone.csv` };
    await expect(store.fetch(gone)).rejects.toMatchObject({ ending: 'BadInput' });
    expect(await store.hashOf(gone)).toBeNull();
    await expect(store.fetch({ ...table, sha256: '0'.repeat(64) })).rejects.toThrow(
      /table\.csv: expected sha256 0{64}, got/,
    );
  });

  test('a claim with another fingerprint sets all aside that was there, and keeps the ledger of attempts', async () => {
    const store = new FolderStore(temporaryFolder());
    const first = await HeldStage.claim(store, directory, tokenOf(), claim);
    await first.put({ 'old.csv': 'old' });
    const folder = await store.workFolder(directory);
    writeFileSync(path.join(folder, 'written-by-a-program'), '');
    const other = { ...claim, fingerprint: 'e'.repeat(64) };
    const { manifest } = await HeldStage.claim(store, directory, tokenOf({ attempt: 2 }), other);
    expect(manifest).toMatchObject({ fingerprint: other.fingerprint, files: [], state: 'running' });
    expect(manifest.attempts.map(({ token }) => token.attempt)).toEqual([1, 2]);
    expect(readdirSync(folder).filter((name) => /^[a-z]/.test(name) && !name.startsWith('manifest'))).toEqual([
      'older',
    ]);
    const [aside] = readdirSync(path.join(folder, 'older'));
    expect(readdirSync(path.join(folder, 'older', aside!)).toSorted()).toEqual([
      'manifest.json',
      'old.csv',
      'written-by-a-program',
    ]);
  });

  test('is refused where there can be no links, with what to do', async () => {
    const root = temporaryFolder();
    writeFileSync(path.join(root, 'file'), '');
    await expect(new FolderStore(path.join(root, 'file')).probe()).rejects.toThrow(
      /file: expected a folder for results where files can be written and hard links made, got .*; name another folder by NAS_RESULTS/,
    );
    await new FolderStore(path.join(root, 'results')).probe();
    expect(readdirSync(path.join(root, 'results'))).toEqual([]);
  });

  test('a manifest edited by hand is refused with the place of the mistake; removed, the one before it counts', async () => {
    const store = new FolderStore(temporaryFolder());
    const stage = await HeldStage.claim(store, directory, tokenOf(), claim);
    await stage.change(noted('changed'));
    const file = path.join(store.root, directory, 'manifest.2.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"running"', '"almost"'));
    await expect(store.read(directory)).rejects.toThrow(/quick\/one-shot\/manifest\.2\.json: state: .*undo/);
    writeFileSync(file, '{');
    await expect(store.read(directory)).rejects.toThrow(/expected JSON/);
    writeFileSync(
      file,
      readFileSync(path.join(store.root, directory, 'manifest.1.json'), 'utf8').replace('"version": 2', '"version": 3'),
    );
    await expect(store.read(directory)).rejects.toThrow(/version: expected 1 or 2, as a newer release wrote it/);
    truncateSync(file, 3e9);
    await expect(store.read(directory)).rejects.toThrow(/expected at most 64 MiB, got 3000000000 bytes/);
  });

  test('a writer that slept while its number was given and swept away does not think that it has won', async () => {
    const store = new FolderStore(temporaryFolder());
    const stage = await HeldStage.claim(store, directory, tokenOf(), claim);
    const seen = (await store.read(directory))!;
    for (let at = 0; at < 10; at++) await stage.change(noted(`${at}`));
    expect(existsSync(path.join(store.root, directory, `manifest.${seen.sequence + 1}.json`))).toBe(false);
    expect(await store.swap(directory, seen, { ...seen, notices: ['from long ago'] })).toBeNull();
    expect((await store.read(directory))?.notices).toHaveLength(10);
  });
});
