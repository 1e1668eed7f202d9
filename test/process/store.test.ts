import path from 'node:path';
import { readdirSync } from 'node:fs';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { randomOf } from '../../nas/space/random.ts';
import { isLong } from '../support/long.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';
import { startWriter } from '../support/store-writer.ts';
import { endGateway, implementations, isWhole } from '../support/stores.ts';

afterAll(endGateway);

/** One after another of one stage. */
const attempts = isLong ? 6 : 3;

describe.each(implementations)('%s', (_, open) => {
  test(
    'takes the changes of eight processes at once: none is lost, and each number is given once',
    { timeout: 600_000 },
    async () => {
      const commits = isLong ? 125 : 40;
      const store = await open();
      await HeldStage.claim(store, directory, tokenOf(), claim);
      const writing = { root: store.root, directory, attempt: 1, commits, bytes: 0, claims: false };
      const ends = await Promise.all(
        Array.from({ length: 8 }, (__, at) => startWriter({ ...writing, name: `writer ${at}` }).done),
      );
      expect(ends.flatMap(({ error }) => error ?? [])).toEqual([]);
      const numbers = ends.flatMap(({ sequences }) => sequences);
      expect(new Set(numbers).size).toBe(8 * commits);
      const manifest = await store.read(directory);
      expect(manifest?.notices).toHaveLength(8 * commits);
      expect(manifest?.sequence).toBe(Math.max(...numbers));
    },
  );

  test('lets one attempt of many in after another, and never one back in that was overtaken', async () => {
    const store = await open();
    const writing = { root: store.root, directory, commits: 1000, bytes: 100, claims: true };
    const writers = [];
    for (let attempt = 1; attempt <= attempts; attempt++) {
      writers.push(
        startWriter({ ...writing, attempt, name: `attempt-${attempt}`, commits: attempt === attempts ? 20 : 1000 }),
      );
      await vi.waitFor(async () => expect((await store.read(directory))?.token?.attempt).toBe(attempt), 30_000);
    }
    const ends = await Promise.all(writers.map(({ done }) => done));
    expect(ends.map(({ error }) => error?.split(':')[0] ?? null)).toEqual([
      ...Array(attempts - 1).fill('FencedError'),
      null,
    ]);
    const inOrder = ends.flatMap(({ sequences }, at) => sequences.map((sequence) => ({ sequence, at })));
    const byNumber = inOrder.toSorted((a, b) => a.sequence - b.sequence);
    expect(byNumber).toEqual(byNumber.toSorted((a, b) => a.at - b.at));
    expect(await isWhole(store, directory)).toBe(true);
  });

  test('keeps what writers have committed who are killed at any moment, and nothing of what they have not', async () => {
    const store = await open();
    const random = randomOf(Date.now(), 'kill');
    const writing = { root: store.root, directory, commits: 100_000, bytes: 30_000, claims: true };
    for (let attempt = 1; attempt <= attempts; attempt++) {
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
    expect(await isWhole(store, directory)).toBe(true);
  });

  test('a file too large for the disk is not committed, and nothing of it stays', async () => {
    const store = await open();
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
    expect(await isWhole(store, directory)).toBe(true);
    expect(readdirSync(path.join(await store.workFolder(directory), '.pending'))).toEqual([]);
  });

  test('files that a manifest no longer names go, and one that it does not name is refused', async () => {
    const store = await open();
    const stage = await HeldStage.claim(store, directory, tokenOf(), claim);
    await stage.put({ 'one.csv': '1', 'two.csv': '2' });
    await stage.commit([{ file: `${directory}/three.csv`, content: '3' }], (manifest, files) => ({
      ...manifest,
      files: files.map(({ file, sha256 }) => ({ file, sha256 })),
    }));
    expect((await store.read(directory))?.files.map(({ file }) => file)).toEqual([`${directory}/three.csv`]);
    const forgotten = stage.commit([{ file: `${directory}/four.csv`, content: '4' }], (manifest) => manifest);
    await expect(forgotten).rejects.toThrow(/four\.csv: expected the manifest to name/);
    expect(await store.has({ file: `${directory}/four.csv`, sha256: sha256Of('4') })).toBe(false);
  });

  test('finished work is found by its fingerprint, and stages by their run', async () => {
    const store = await open();
    const long = `two/${'x'.repeat(220)}`;
    for (const of of ['two/deep/cell', long, 'one/later', 'one/stage']) {
      const stage = await HeldStage.claim(store, of, tokenOf(), claim);
      await stage.end({ ending: 'done', phases: null }, { state: 'done', outputs: {} });
      await store.remember(claim.fingerprint, of);
    }
    const known = ['one/later', 'one/stage', 'two/deep/cell', long];
    expect(await store.recall([claim.fingerprint, '0'.repeat(64)])).toEqual([known, []]);
    const many = Array.from({ length: 100 }, (__, at) => sha256Of(`${at}`));
    expect(await store.recall([...many, claim.fingerprint])).toEqual([...many.map(() => []), known]);
    expect(await store.stages()).toEqual(known);
    expect(await store.stages('two')).toEqual(['two/deep/cell', long]);
  });
});
