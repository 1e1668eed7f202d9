import { expect, onTestFinished, test, vi } from 'vitest';
import { pause } from '../../artifacts/s3/bucket.ts';
import type { Bucket } from '../../artifacts/s3/bucket.ts';
import { recall } from '../../artifacts/s3/finished.ts';
import { probeBucket } from '../../artifacts/s3/probe.ts';
import { LISTED_AT, listedObject, listedUpload, refusal, scriptedBucket } from '../support/scripted-bucket.ts';
import type { Asked } from '../support/scripted-bucket.ts';

// What is made of answers that a small bucket never gives: pages, and objects that are gone.

const refused = (key: string): string =>
  `s3://b/p/${key}: expected to be let in, got 403 AccessDenied; give these keys`;

test('a listing goes on for as long as there are pages', async () => {
  const { bucket, asked } = await scriptedBucket(({ query }) => {
    const isLast = query['continuation-token'] === 'next one';
    const next = isLast ? '' : '<NextContinuationToken>next one</NextContinuationToken>';
    const found = isLast ? listedObject('runs/c', 3) : listedObject('runs/a', 1) + listedObject('runs/b', 2);
    return { body: `<ListBucketResult><IsTruncated>${!isLast}</IsTruncated>${next}${found}</ListBucketResult>` };
  });
  const found = [];
  for await (const one of bucket.list('runs/')) found.push(one);
  const changed = new Date(LISTED_AT);
  expect(found).toEqual([
    { key: 'runs/a', bytes: 1, changed },
    { key: 'runs/b', bytes: 2, changed },
    { key: 'runs/c', bytes: 3, changed },
  ]);
  expect(asked.map(({ path, query }) => [path, query['prefix']])).toEqual([
    ['/b/', 'p/runs/'],
    ['/b/', 'p/runs/'],
  ]);
});

test('uploads that were begun are listed with what has arrived, page after page, and one that ended meanwhile has nothing', async () => {
  const { bucket } = await scriptedBucket(({ path, query }) => {
    if (path === '/b/p/files/a') {
      return { body: '<ListPartsResult><Part><Size>5</Size></Part><Part><Size>7</Size></Part></ListPartsResult>' };
    }
    if (path !== '/b/') return refusal('NoSuchUpload', 404);
    const isLast = query['key-marker'] === 'p/files/a' && query['upload-id-marker'] === '1';
    const body = isLast
      ? `<IsTruncated>false</IsTruncated>${listedUpload('files/b', '2')}`
      : `<IsTruncated>true</IsTruncated><NextKeyMarker>p/files/a</NextKeyMarker><NextUploadIdMarker>1</NextUploadIdMarker>${listedUpload('files/a', '1')}`;
    return { body: `<ListMultipartUploadsResult>${body}</ListMultipartUploadsResult>` };
  });
  const begun = new Date(LISTED_AT);
  expect(await bucket.uploads()).toEqual([
    { key: 'files/a', id: '1', begun, bytes: 12 },
    { key: 'files/b', id: '2', begun, bytes: 0 },
  ]);
});

test('an object that is not there is an answer, a bucket that is not is an error', async () => {
  const { bucket } = await scriptedBucket(() => refusal('NoSuchKey', 404));
  expect([await bucket.read('a'), await bucket.stream('a', 0), await bucket.look('a')]).toEqual([null, null, null]);
  await bucket.remove(['a', 'b']);
  await bucket.abort('a', '1');
  const { bucket: none } = await scriptedBucket(() => refusal('NoSuchBucket', 404));
  for (const ask of [() => none.read('a'), () => none.stream('a', 0)]) {
    await expect(ask()).rejects.toThrow(
      's3://b/p/a: expected to be let in, got 404 NoSuchBucket; make the bucket first',
    );
  }
});

test('an object is read with its tag, and not again where it still has that', async () => {
  const { bucket, asked } = await scriptedBucket(({ headers }) =>
    headers['if-none-match'] === '"1"' ? { status: 304 } : { body: 'text', headers: { etag: '"1"' } },
  );
  expect(await bucket.read('a')).toEqual({ text: 'text', tag: '"1"' });
  expect(await bucket.read('a', '"1"')).toBe('unchanged');
  expect(asked.map(({ path, headers }) => [path, headers['if-none-match']])).toEqual([
    ['/b/p/a', undefined],
    ['/b/p/a', '"1"'],
  ]);
});

test('whatever a bucket refuses is told by the key that was asked for', async () => {
  const { bucket } = await scriptedBucket(() => refusal('AccessDenied', 403));
  await expect(bucket.read('a')).rejects.toThrow(refused('a'));
  await expect(bucket.stream('a', 0)).rejects.toThrow(refused('a'));
  await expect(bucket.list('runs/').next()).rejects.toThrow(refused('runs/'));
  await expect(bucket.remove(['a'])).rejects.toThrow(refused('a'));
  await expect(bucket.uploads()).rejects.toThrow(refused(''));
  await expect(bucket.abort('a', '1')).rejects.toThrow(refused('a'));
  await expect(bucket.renew('a')).rejects.toThrow(refused('a'));
  await expect(bucket.write('a', 'text')).rejects.toThrow(refused('a'));
  await expect(bucket.look('a')).rejects.toThrow(
    's3://b/p/a: expected to be let in, got 403 Forbidden; give these keys',
  );
});

test('a few fingerprints are looked up one by one, many by reading the whole index', async () => {
  const { bucket, asked } = await scriptedBucket(({ query }) => ({
    body: `<ListBucketResult>${['1f/b/two', '1f/a/one']
      .filter((key) => `p/index/${key}`.startsWith(query['prefix']!))
      .map((key) => listedObject(`index/${key}`, 1))
      .join('')}</ListBucketResult>`,
  }));
  expect(await recall(bucket, ['1f', '2'])).toEqual([['a/one', 'b/two'], []]);
  expect(new Set(asked.map(({ query }) => query['prefix']))).toEqual(new Set(['p/index/1f/', 'p/index/2/']));
  asked.length = 0;
  const many = Array.from({ length: 33 }, (_, at) => at.toString(16));
  expect((await recall(bucket, many))[0x1f]).toEqual(['a/one', 'b/two']);
  expect(asked).toHaveLength(16);
  asked.length = 0;
  await recall(bucket, many.slice(1));
  expect(asked).toHaveLength(32);
});

test('a list of uploads that promises more and does not say where has an end', async () => {
  const { bucket, asked } = await scriptedBucket(({ path }) => ({
    body:
      path === '/b/'
        ? `<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>${listedUpload('files/a', '1')}</ListMultipartUploadsResult>`
        : '<ListPartsResult/>',
  }));
  expect((await bucket.uploads()).map(({ key }) => key)).toEqual(['files/a']);
  expect(asked).toHaveLength(2);
});

test('keys that may not write are refused before anything starts, whatever they may read', async () => {
  const { bucket } = await scriptedBucket(({ method }) =>
    method === 'PUT' ? refusal('AccessDenied', 403) : { body: '<ListBucketResult/>' },
  );
  await expect(probeBucket(bucket)).rejects.toMatchObject({
    ending: 'BadInput',
    message: expect.stringMatching(
      /^s3:\/\/b\/p\/probe\/\w+: expected to be let in, got 403 AccessDenied; give these keys/,
    ),
  });
});

/** What a store lacks that a probe looks for. */
const flaws = [
  'lets one of many writers create an object (If-None-Match)',
  'shows an object once it is written',
  'lets one of many writers replace an object (If-Match)',
  'refuses to replace an object that has changed',
  'compares bytes with their checksum',
] as const;

/** A bucket that keeps what its answers promise, but for one thing. */
async function bucketWith(flaw: (typeof flaws)[number] | null): Promise<Bucket> {
  let [isThere, isReplaced] = [false, false];
  const isAllowed = ({ headers, body }: Asked): boolean => {
    if ('if-none-match' in headers) {
      const isFirst = !isThere;
      isThere = true;
      return isFirst || flaw === flaws[0];
    }
    if (body === 'stale') return flaw === flaws[3];
    if (!('if-match' in headers)) return flaw === flaws[4];
    const isFirst = !isReplaced;
    isReplaced = true;
    return isFirst || flaw === flaws[2];
  };
  const { bucket } = await scriptedBucket((asked) => {
    if (asked.method === 'PUT')
      return isAllowed(asked) ? { headers: { etag: '"1"' } } : refusal('PreconditionFailed', 412);
    if (asked.method === 'DELETE') return { status: 204 };
    if (asked.path === '/b/') return { body: '<ListBucketResult/>' };
    return flaw === flaws[1] ? refusal('NoSuchKey', 404) : { body: 'text', headers: { etag: '"1"' } };
  });
  return bucket;
}

test.each(flaws)('a store is refused that does not do what all rests on: %s', async (flaw) => {
  await expect(probeBucket(await bucketWith(flaw))).rejects.toMatchObject({
    ending: 'BadInput',
    message: `s3://b: expected a store that ${flaw}, got one that does not; take one that docs/store.md names, or a folder`,
  });
});

test('a store is taken that does all of it', async () => {
  await expect(probeBucket(await bucketWith(null))).resolves.toBeUndefined();
});

async function waits(tried: number): Promise<number> {
  const began = performance.now();
  await pause(tried);
  return performance.now() - began;
}

test('what failed once is asked again within a moment, and never more than some seconds later', async () => {
  // It is 20 to 60 ms, and 2.5 to 7.5 s however often it was tried; here the least, with room for a busy machine.
  vi.spyOn(Math, 'random').mockReturnValue(0);
  onTestFinished(() => void vi.restoreAllMocks());
  const [first, last] = await Promise.all([waits(1), waits(100)]);
  expect(first).toBeGreaterThan(19);
  expect(first).toBeLessThan(2000);
  expect(last).toBeGreaterThan(2400);
  expect(last).toBeLessThan(9000);
});
