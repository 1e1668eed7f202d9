import path from 'node:path';
import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import type * as fs from 'node:fs';
import type * as promises from 'node:fs/promises';
import { describe, expect, test, vi } from 'vitest';
import { FolderStore } from '../../artifacts/folder-store.ts';
import { allFilesOf } from '../../artifacts/manifest.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import type { ArtifactStore } from '../../artifacts/store.ts';
import { randomOf } from '../../nas/space/random.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';
import { startWriter } from '../support/store-writer.ts';
import { implementations, noted } from '../support/stores.ts';
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

async function isWhole(store: ArtifactStore, of = directory): Promise<boolean> {
  const manifest = await store.read(of);
  const found = await Promise.all(
    allFilesOf(manifest!).map(async ({ file, sha256 }) => (await store.hashOf(file)) === sha256),
  );
  return found.every(Boolean);
}

describe.each(implementations)('%s', (_, open) => {
  test('takes 1,000 changes of eight processes at once: none is lost, and each number is given once', async () => {
    const store = open();
    await HeldStage.claim(store, directory, tokenOf(), claim);
    const writing = { root: store.root, directory, attempt: 1, commits: 125, bytes: 0, claims: false };
    const ends = await Promise.all(
      Array.from({ length: 8 }, (__, at) => startWriter({ ...writing, name: `writer ${at}` }).done),
    );
    expect(ends.flatMap(({ error }) => error ?? [])).toEqual([]);
    const numbers = ends.flatMap(({ sequences }) => sequences);
    expect(new Set(numbers).size).toBe(1000);
    const manifest = await store.read(directory);
    expect(manifest?.notices).toHaveLength(1000);
    expect(manifest?.sequence).toBe(Math.max(...numbers));
  });

  test('lets one attempt of many in after another, and never one back in that was overtaken', async () => {
    const store = open();
    const writing = { root: store.root, directory, commits: 1000, bytes: 100, claims: true };
    const writers = [];
    for (let attempt = 1; attempt <= 6; attempt++) {
      writers.push(
        startWriter({ ...writing, attempt, name: `attempt-${attempt}`, commits: attempt === 6 ? 20 : 1000 }),
      );
      await vi.waitFor(async () => expect((await store.read(directory))?.token?.attempt).toBe(attempt), 30_000);
    }
    const ends = await Promise.all(writers.map(({ done }) => done));
    expect(ends.map(({ error }) => error?.split(':')[0] ?? null)).toEqual([...Array(5).fill('FencedError'), null]);
    const inOrder = ends.flatMap(({ sequences }, at) => sequences.map((sequence) => ({ sequence, at })));
    const byNumber = inOrder.toSorted((a, b) => a.sequence - b.sequence);
    expect(byNumber).toEqual(byNumber.toSorted((a, b) => a.at - b.at));
    expect(await isWhole(store)).toBe(true);
  });

  test('keeps what writers have committed who are killed at any moment, and nothing of what they have not', async () => {
    const store = open();
    const random = randomOf(Date.now(), 'kill');
    const writing = { root: store.root, directory, commits: 100_000, bytes: 30_000, claims: true };
    for (let attempt = 1; attempt <= 6; attempt++) {
      const { child } = startWriter({ ...writing, attempt, name: `attempt-${attempt}` });
      await vi.waitFor(async () => expect((await store.read(directory))?.token?.attempt).toBe(attempt), 30_000);
      await new Promise((resolve) => setTimeout(resolve, random.integer(300)));
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    const before = (await store.read(directory))!;
    const stage = await HeldStage.claim(store, directory, tokenOf({ attempt: 99 }), claim);
    expect(stage.manifest.files).toEqual(before.files);
    expect(before.files.length).toBeGreaterThan(0);
    expect(await isWhole(store)).toBe(true);
  });

  test('a killed writer that had named a file and not placed it has its file placed by the next attempt', async () => {
    const store = open();
    const stage = await HeldStage.claim(store, directory, tokenOf(), claim);
    const place = `${directory}/table.csv`;
    let renames = 0;
    // The second one would give the file its name.
    faults.rename = () => (++renames === 2 ? 'EIO' : null);
    const failed = stage.commit([{ file: place, content: 'a,b' }]);
    await expect(failed)
      .rejects.toThrow('EIO: injected')
      .finally(() => (faults.rename = () => null));
    expect(await store.has(place)).toBe(false);
    await HeldStage.claim(store, directory, tokenOf({ attempt: 2 }), claim);
    expect(await store.fetch({ file: place, sha256: (await store.read(directory))!.files[0]!.sha256 })).toBeTruthy();
    expect(await isWhole(store)).toBe(true);
  });

  test('believes no lost answer: what was carried out counts once, what was not is done again', async () => {
    const store = open();
    const stage = await HeldStage.claim(store, directory, tokenOf(), claim);
    const random = randomOf(7, 'faults');
    faults.link = () => (random.uniform() < 0.3 ? random.pick(['EEXIST', 'EIO', 'ETIMEDOUT']) : null);
    const numbers: number[] = [];
    try {
      await Promise.all(
        Array.from({ length: 5 }, async (__, writer) => {
          const held = await HeldStage.take(store, directory, stage.token);
          for (let at = 0; at < 20; at++) {
            await held.change(noted(`${writer} ${at}`));
            numbers.push(held.manifest.sequence);
          }
        }),
      );
    } finally {
      faults.link = () => null;
    }
    const manifest = (await store.read(directory))!;
    expect(new Set(numbers).size).toBe(100);
    expect(manifest.notices).toHaveLength(100);
    expect(manifest.sequence).toBe(stage.manifest.sequence + 100);
  });

  test('a file that cannot be read just now is tried again; one that is not there, or has other bytes, is bad input', async () => {
    const store = open();
    const stage = await HeldStage.claim(store, directory, tokenOf(), claim);
    const { 'table.csv': table } = await stage.put({ 'table.csv': 'a,b' });
    for (const code of ['EIO', 'ESTALE', 'ETIMEDOUT']) {
      faults.read = () => code;
      const [fetched, hashed] = await Promise.allSettled([store.fetch(table), store.hashOf(table.file)]);
      faults.read = () => null;
      for (const end of [fetched, hashed]) {
        expect(end).toMatchObject({ reason: { name: 'FileFault', ending: 'Crashed' } });
      }
    }
    const gone = { ...table, file: `${directory}/gone.csv` };
    await expect(store.fetch(gone)).rejects.toMatchObject({ ending: 'BadInput' });
    expect(await store.hashOf(gone.file)).toBeNull();
    await expect(store.fetch({ ...table, sha256: '0'.repeat(64) })).rejects.toThrow(
      /table\.csv: expected sha256 0{64}, got/,
    );
  });

  test('a file too large for the disk is not committed, and nothing of it stays', async () => {
    const store = open();
    const writing = { root: store.root, directory, attempt: 1, claims: true, commits: 3 };
    // 1,000 blocks of 1,024 bytes; without a handler a process that goes beyond is ended.
    const limited = ['bash', '-c', 'trap \'\' XFSZ; ulimit -f 1000; exec node "$@"', 'node'];
    const large = await startWriter({ ...writing, name: 'large', bytes: 3_000_000 }, limited).done;
    expect(large.error).toMatch(/EFBIG/);
    const small = await startWriter({ ...writing, name: 'small', bytes: 1000 }, limited).done;
    expect(small).toMatchObject({ error: null, sequences: [3, 4, 5] });
    const manifest = (await store.read(directory))!;
    expect(manifest.files.map(({ file }) => path.posix.basename(file))).toEqual([
      'small-0.bin',
      'small-1.bin',
      'small-2.bin',
    ]);
    expect(await isWhole(store)).toBe(true);
    expect(readdirSync(path.join(await store.workFolder(directory), '.pending'))).toEqual([]);
  });

  test('a claim with another fingerprint sets all aside that was there, and keeps the ledger of attempts', async () => {
    const store = open();
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

  test('files that a manifest no longer names go, and one that it does not name is refused', async () => {
    const store = open();
    const stage = await HeldStage.claim(store, directory, tokenOf(), claim);
    await stage.put({ 'one.csv': '1', 'two.csv': '2' });
    await stage.commit([{ file: `${directory}/three.csv`, content: '3' }], (manifest, files) => ({
      ...manifest,
      files: files.map(({ file, sha256 }) => ({ file, sha256 })),
    }));
    expect(await Promise.all(['one', 'two', 'three'].map((name) => store.has(`${directory}/${name}.csv`)))).toEqual([
      false,
      false,
      true,
    ]);
    const forgotten = stage.commit([{ file: `${directory}/four.csv`, content: '4' }], (manifest) => manifest);
    await expect(forgotten).rejects.toThrow(/four\.csv: expected the manifest to name/);
    expect(await store.has(`${directory}/four.csv`)).toBe(false);
  });

  test('finished work is found by its fingerprint, also in a run that was copied here', async () => {
    const store = open();
    const finish = async (of: string) => {
      const stage = await HeldStage.claim(store, of, tokenOf(), claim);
      await stage.end({ ending: 'done', phases: null }, { state: 'done', outputs: {} });
    };
    await finish('one/stage');
    expect(await store.recall(claim.fingerprint)).toEqual(['one/stage']);
    await finish('one/later');
    await store.remember(claim.fingerprint, 'one/later');
    await finish('two/deep/cell');
    expect(await store.recall(claim.fingerprint)).toEqual(['one/later', 'one/stage', 'two/deep/cell']);
    expect(await store.recall('0'.repeat(64))).toEqual([]);
    expect(await store.stages()).toEqual(['one/later', 'one/stage', 'two/deep/cell']);
    expect(await store.stages('two')).toEqual(['two/deep/cell']);
  });
});

describe('a folder', () => {
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
