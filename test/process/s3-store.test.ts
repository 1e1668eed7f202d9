import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { GRACE_MS } from '../../artifacts/leftovers.ts';
import { S3Store } from '../../artifacts/s3/s3-store.ts';
import { finishedManifest } from '../support/manifests.ts';
import { LISTED_AT, listedObject, listedUpload, refusal, scriptedBucket } from '../support/scripted-bucket.ts';
import type { Answer, Asked } from '../support/scripted-bucket.ts';
import { directory } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// A store in a bucket whose answers the test gives.

beforeEach(() => void vi.stubEnv('NAS_CACHE', temporaryFolder()));

async function storeOf(answer: (asked: Asked) => Answer): Promise<{ store: S3Store; asked: Asked[] }> {
  const { root, asked } = await scriptedBucket(answer);
  return { store: new S3Store(root), asked };
}

const key = `/b/p/runs/${directory}/manifest.json`;
const seen = finishedManifest('unused');
const { sequence: _, nonce: __, ...next } = { ...seen, notices: ['changed'] };
const writesIn = (asked: readonly Asked[]): Asked[] => asked.filter(({ method }) => method === 'PUT');

/** A bucket that has the manifest `seen` with the tag `"1"`, and answers a number of writes with a refusal. */
const refusing =
  (refusals: number) =>
  ({ method, headers }: Asked): Answer => {
    if (method === 'PUT')
      return --refusals >= 0 ? refusal('ConditionalRequestConflict', 409) : { headers: { etag: '"2"' } };
    return headers['if-none-match'] === '"1"'
      ? { status: 304 }
      : { body: JSON.stringify(seen), headers: { etag: '"1"' } };
  };

test('a change that was refused is asked for again for as long as nobody else has changed anything', async () => {
  const { store, asked } = await storeOf(refusing(2));
  const found = await store.read(directory);
  expect(found).toEqual(seen);
  expect(await store.swap(directory, found, next)).toMatchObject({ sequence: 2, notices: ['changed'] });
  expect(writesIn(asked).map(({ path, headers }) => [path, headers['if-match']])).toEqual([
    [key, '"1"'],
    [key, '"1"'],
    [key, '"1"'],
  ]);
  expect((await store.read(directory))?.sequence).toBe(1);
});

test('a change that is refused six times fails', async () => {
  const { store, asked } = await storeOf(refusing(Infinity));
  const found = await store.read(directory);
  await expect(store.swap(directory, found, next)).rejects.toMatchObject({ ending: 'Crashed', status: 409 });
  expect(writesIn(asked)).toHaveLength(6);
});

test('a change that may never be made is not tried twice', async () => {
  const { store, asked } = await storeOf(({ method }) => refusal('AccessDenied', method === 'PUT' ? 403 : 404));
  await expect(store.swap(directory, null, next)).rejects.toMatchObject({ ending: 'BadInput' });
  expect(writesIn(asked).map(({ headers }) => headers['if-none-match'])).toEqual(['*']);
});

test('where another one was faster nothing is changed, and what it wrote is seen', async () => {
  const theirs = { ...seen, sequence: 2, nonce: 'theirs' };
  let reads = 0;
  const { store, asked } = await storeOf(({ method }) => {
    if (method === 'PUT') return refusal('PreconditionFailed', 412);
    return reads++ === 0
      ? { body: JSON.stringify(seen), headers: { etag: '"1"' } }
      : { body: JSON.stringify(theirs), headers: { etag: '"2"' } };
  });
  const found = await store.read(directory);
  expect(await store.swap(directory, found, next)).toBeNull();
  expect(writesIn(asked)).toHaveLength(1);
  // Whoever still has the older one does not even ask.
  expect(await store.swap(directory, found, next)).toBeNull();
  expect(writesIn(asked)).toHaveLength(1);
});

test('where another one was the first there is one try', async () => {
  const { store, asked } = await storeOf(({ method }) =>
    method === 'PUT' ? refusal('PreconditionFailed', 412) : { body: JSON.stringify(seen), headers: { etag: '"1"' } },
  );
  expect(await store.swap(directory, null, next)).toBeNull();
  expect(writesIn(asked).map(({ headers }) => headers['if-none-match'])).toEqual(['*']);
});

test('what is set aside has no checkpoints, which go', async () => {
  const { store, asked } = await storeOf(() => ({ headers: { etag: '"1"' } }));
  const checkpoint = { epoch: 0, step: 1, file: `${directory}/checkpoints/0-1.safetensors`, sha256: '0'.repeat(64) };
  await store.setAside(directory, { ...seen, checkpoints: [checkpoint] });
  expect(asked.map(({ method, path }) => [method, path])).toEqual([
    ['PUT', `/b/p/runs/${directory}/older/${seen.fingerprint.slice(0, 12)}-1/manifest.json`],
  ]);
  expect(JSON.parse(asked[0]!.body)).toEqual(seen);
});

test('a file that is not in the bucket is missed by its name', async () => {
  const { store } = await storeOf(() => refusal('NoSuchKey', 404));
  await expect(store.fetch({ file: `${directory}/a.csv`, sha256: '0'.repeat(64) })).rejects.toMatchObject({
    ending: 'BadInput',
    message: `${directory}/a.csv: expected it in the bucket, got no such file; run the stage that makes it again`,
  });
});

test('a file is fetched once, and then neither fetched nor hashed again', async () => {
  const { store, asked } = await storeOf(() => ({ body: 'a,b\n' }));
  const file = { file: `${directory}/a.csv`, sha256: sha256Of('a,b\n') };
  const place = await store.fetch(file);
  expect([await store.fetch(file), await store.hashOf(file)]).toEqual([place, file.sha256]);
  expect(asked).toHaveLength(1);
});

test('a file that is there already is not sent again, and is made young where it could soon be cleared away', async () => {
  const young = new Date(Date.now() - GRACE_MS / 2 + 600_000);
  const old = new Date(Date.now() - GRACE_MS / 2 - 1000);
  for (const [changed, copies] of [
    [young, []],
    [old, [encodeURI('b/p/files/')]],
  ] as const) {
    const { store, asked } = await storeOf(({ method, headers }) => {
      if (method === 'HEAD') return { headers: { 'content-length': '4', 'last-modified': changed.toUTCString() } };
      return 'x-amz-copy-source' in headers ? { body: '<CopyObjectResult/>' } : { headers: { etag: '"1"' } };
    });
    const file = { file: `${directory}/a.csv`, content: 'a,b\n' };
    const stored = await store.put(directory, file);
    const named = { file: stored.file, sha256: stored.sha256 };
    await store.swap(directory, null, { ...next, files: [named] }, [stored]);
    const copied = writesIn(asked).flatMap(({ headers }) => headers['x-amz-copy-source'] ?? []);
    expect(copied).toEqual(copies.map((folder) => `${folder}${stored.sha256}`));
    expect(writesIn(asked).filter(({ body }) => body === 'a,b\n')).toEqual([]);
  }
});

test('what no stage names is left over once it has lain there for more than a day, and is not before', async () => {
  const lying = [`files/${'a'.repeat(64)}`, 'probe/1', 'verify-resume-1/straight/runs/r/one/manifest.json'];
  const { store, asked } = await storeOf(({ path, query }) => {
    if (path !== '/b/') return { body: '<ListPartsResult><Part><Size>5</Size></Part></ListPartsResult>' };
    if ('uploads' in query)
      return { body: `<ListMultipartUploadsResult>${listedUpload('files/b', '1')}</ListMultipartUploadsResult>` };
    const found = lying.filter((one) => `p/${one}`.startsWith(query['prefix']!));
    return { body: `<ListBucketResult>${found.map((one) => listedObject(one, 3)).join('')}</ListBucketResult>` };
  });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(LISTED_AT) + GRACE_MS });
  onTestFinished(() => void vi.useRealTimers());
  expect(await store.leftovers()).toEqual([]);
  vi.setSystemTime(Date.parse(LISTED_AT) + GRACE_MS + 1);
  asked.length = 0;
  expect(await store.leftovers()).toEqual([
    { what: 'unnamed', place: lying[0], stage: null, bytes: 3 },
    { what: 'unnamed', place: lying[1], stage: null, bytes: 3 },
    { what: 'upload', place: 'files/b#1', stage: null, bytes: 5 },
    { what: 'verification', place: 'verify-resume-1/', stage: null, bytes: 3 },
  ]);
  // No stage is there, so none is read: of objects only the upload is looked at.
  expect(asked.filter(({ path }) => path !== '/b/').map(({ path }) => path)).toEqual(['/b/p/files/b']);
});
