import { existsSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { cacheLimit, LocalFiles } from '../../artifacts/s3/local-files.ts';
import { directory } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let cache = '';
beforeEach(() => {
  cache = temporaryFolder();
  vi.stubEnv('NAS_CACHE', cache);
});
afterEach(() => void vi.unstubAllEnvs());

/** A file of so many bytes in the cache, last used so many hours ago; its hash. */
async function entered(local: LocalFiles, name: string, bytes: number, hours: number): Promise<string> {
  const sha256 = sha256Of(name);
  const incoming = await local.incoming(sha256);
  writeFileSync(incoming, Buffer.alloc(bytes));
  const place = await local.enter(incoming, sha256);
  const used = new Date(Date.now() - hours * 3_600_000);
  utimesSync(place, used, used);
  return sha256;
}

test('how much a cache may hold is said in gigabytes', () => {
  expect(cacheLimit()).toBe(50e9);
  for (const [said, limit] of [
    ['', 50e9],
    ['7', 7e9],
    ['0.5', 0.5e9],
    ['12.25', 12.25e9],
  ] as const) {
    vi.stubEnv('NAS_CACHE_GB', said);
    expect(cacheLimit()).toBe(limit);
  }
  for (const said of ['50 GB', '-1', '1e3', '.5', '1.']) {
    vi.stubEnv('NAS_CACHE_GB', said);
    expect(() => cacheLimit()).toThrow(
      `NAS_CACHE_GB: expected gigabytes, such as 50, got ${JSON.stringify(said)}; correct it`,
    );
  }
});

test('of a cache that is full the files go that were used longest ago, and none that may be in use', async () => {
  const local = new LocalFiles('s3://a');
  vi.stubEnv('NAS_CACHE_GB', '0.000001');
  const oldest = await entered(local, 'oldest', 300, 9);
  const older = await entered(local, 'older', 300, 8);
  const old = await entered(local, 'old', 400, 7);
  // Full, and no more.
  expect(await Promise.all([oldest, older, old].map((one) => local.cached(one)))).not.toContain(null);
  for (const [sha256, hours] of [
    [older, 9],
    [oldest, 8],
    [old, 7],
  ] as const) {
    const used = new Date(Date.now() - hours * 3_600_000);
    utimesSync(path.join(path.dirname(local.work), 'files', sha256), used, used);
  }
  const recent = await entered(local, 'recent', 300, 0.5);
  expect(readdirSync(path.join(path.dirname(local.work), 'files')).toSorted()).toEqual(
    [oldest, old, recent].toSorted(),
  );
  const large = await entered(local, 'large', 5000, 0);
  expect(readdirSync(path.join(path.dirname(local.work), 'files')).toSorted()).toEqual([recent, large].toSorted());
});

test('a file of the cache counts as used when it is asked for', async () => {
  const local = new LocalFiles('s3://a');
  const sha256 = await entered(local, 'a', 1, 9);
  const place = (await local.cached(sha256))!;
  expect(Date.now() - statSync(place).mtimeMs).toBeLessThan(60_000);
  expect(await local.cached(sha256Of('b'))).toBeNull();
});

test('a new file waits to be sent; on disk it can be read here, and dropped it is still in the cache', async () => {
  const local = new LocalFiles('s3://a');
  const made = await local.make(directory, { file: `${directory}/a`, content: 'text' });
  expect(made).toMatchObject({ file: `${directory}/a`, sha256: sha256Of('text'), bytes: 4 });
  expect(await local.cached(made.sha256)).toBeNull();
  await local.keep(made);
  expect(readFileSync((await local.cached(made.sha256))!, 'utf8')).toBe('text');
  await local.dropWaiting(directory);
  expect([existsSync(made.waitsAt!), await local.cached(made.sha256)]).toEqual([false, expect.any(String)]);
  await local.keep({ ...made, waitsAt: null });
  // Two of the same bytes, one after the other, with nothing to drop in between.
  for (const name of ['b', 'c'])
    await local.keep(await local.make(directory, { file: `${directory}/${name}`, content: 'text' }));
  expect(readFileSync((await local.cached(made.sha256))!, 'utf8')).toBe('text');
});

test('what is not there is dropped without a word', async () => {
  const local = new LocalFiles('s3://a');
  await local.dropWaiting(directory);
  await local.dropWork(directory);
  await local.remove();
  expect(readdirSync(cache)).toEqual([]);
});

test('what a program has written is copied, for it may go on writing, and missed where it is not there', async () => {
  const local = new LocalFiles('s3://a');
  const file = `${directory}/out`;
  await expect(local.make(directory, { file, isInPlace: true })).rejects.toThrow(`${file}: expected a file, got none`);
  const place = path.join(await local.workFolder(directory), 'out');
  writeFileSync(place, 'text');
  const made = await local.make(directory, { file, isInPlace: true });
  writeFileSync(place, 'other');
  expect([made.sha256, readFileSync(made.waitsAt!, 'utf8')]).toEqual([sha256Of('text'), 'text']);
  await local.dropWork(directory);
  expect(existsSync(place)).toBe(false);
});

test('each store has files of its own here, and they go with it', async () => {
  const [one, other] = [new LocalFiles('s3://a'), new LocalFiles('s3://b')];
  for (let time = 0; time < 2; time++) await one.probe();
  await entered(one, 'a', 1, 0);
  const theirs = await entered(other, 'a', 1, 0);
  await one.remove();
  expect([existsSync(path.dirname(one.work)), await other.cached(theirs)]).toEqual([false, expect.any(String)]);
});

test('a cache where nothing can be written is refused before anything starts', async () => {
  writeFileSync(path.join(cache, 'stores'), 'no folder');
  await expect(new LocalFiles('s3://a').probe()).rejects.toThrow(
    /files: expected a folder for files on this machine, got .*; name another by NAS_CACHE$/,
  );
  vi.stubEnv('NAS_CACHE_GB', 'much');
  await expect(new LocalFiles('s3://a').probe()).rejects.toThrow('NAS_CACHE_GB: expected gigabytes');
});
