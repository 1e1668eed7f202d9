import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { download, upload } from '../../artifacts/s3/transfer.ts';
import { refusal, scriptedBucket } from '../support/scripted-bucket.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { threadsBegun } from '../support/threads-begun.ts';

// Files to and from a bucket whose answers the test gives.

/** What arrives is written in pieces of that size. */
const PIECE = 4 * 1024 * 1024;

test.each([1000, PIECE, PIECE + 1])(
  'a connection that breaks after every %i bytes is gone on with at that byte, however often',
  async (step) => {
    const bytes = Buffer.alloc(7 * step + 9, 'abc');
    const { bucket, asked } = await scriptedBucket(({ headers }) => {
      const from = Number(/\d+/.exec(headers.range ?? '0')?.[0]);
      const left = bytes.subarray(from);
      return {
        status: from === 0 ? 200 : 206,
        headers: { 'content-length': String(left.length) },
        body: left.subarray(0, step),
        breaks: left.length > step,
      };
    });
    const file = path.join(temporaryFolder(), 'file');
    expect(await download(bucket, 'files/a', file)).toBe(sha256Of(bytes));
    expect(sha256Of(readFileSync(file))).toBe(sha256Of(bytes));
    const ranges = [1, 2, 3, 4, 5, 6, 7].map((steps) => `bytes=${steps * step}-`);
    expect(asked.map(({ headers }) => headers.range)).toEqual([undefined, ...ranges]);
  },
);

test('a file whose last byte has come before its connection broke is whole', async () => {
  const bytes = Buffer.alloc(PIECE, 'abc');
  const { bucket } = await scriptedBucket(({ headers }) =>
    headers.range === undefined
      ? { headers: { 'content-length': String(PIECE + 1) }, body: bytes, breaks: true }
      : refusal('InvalidRange', 416),
  );
  expect(await download(bucket, 'files/a', path.join(temporaryFolder(), 'file'))).toBe(sha256Of(bytes));
});

test('a file is given up after five tries in a row that bring nothing, one that is refused at once', async () => {
  const { bucket, asked } = await scriptedBucket(({ headers }) =>
    headers.range === undefined
      ? { headers: { 'content-length': '9' }, body: 'some', breaks: true }
      : { status: 206, headers: { 'content-length': '5' }, breaks: true },
  );
  await expect(download(bucket, 'files/a', path.join(temporaryFolder(), 'file'))).rejects.toMatchObject({
    ending: 'Crashed',
    message: expect.stringMatching(/^s3:\/\/b\/p\/files\/a: expected the bucket to do it, got no answer/),
  });
  expect(asked.map(({ headers }) => headers.range)).toEqual([
    undefined,
    ...Array.from({ length: 5 }, () => 'bytes=4-'),
  ]);
  const { bucket: closed, asked: once } = await scriptedBucket(() => refusal('AccessDenied', 403));
  await expect(download(closed, 'files/a', path.join(temporaryFolder(), 'file'))).rejects.toMatchObject({
    ending: 'BadInput',
  });
  expect(once).toHaveLength(1);
});

test('an object that is not there is no file, and a file that is there already is not written over', async () => {
  const { bucket } = await scriptedBucket(() => refusal('NoSuchKey', 404));
  const file = path.join(temporaryFolder(), 'file');
  expect(await download(bucket, 'files/a', file)).toBeNull();
  writeFileSync(file, 'mine');
  await expect(download(bucket, 'files/a', file)).rejects.toThrow('EEXIST');
  expect(readFileSync(file, 'utf8')).toBe('mine');
});

test.each([
  [16 * 1024 * 1024, 0],
  [16 * 1024 * 1024 + 1, 1],
  [28 * 1024 * 1024, 1],
])('the hash of %i bytes is computed by %i threads beside', async (size, threads) => {
  const bytes = Buffer.alloc(size, 'x');
  const { bucket } = await scriptedBucket(() => ({ body: bytes }));
  const begun = threadsBegun();
  expect(await download(bucket, 'files/a', path.join(temporaryFolder(), 'file'))).toBe(sha256Of(bytes));
  expect(begun).toHaveLength(threads);
});

const part = (number: number, bytes: Buffer): string =>
  `<Part><PartNumber>${number}</PartNumber><Size>${bytes.length}</Size><ETag>"old ${number}"</ETag>` +
  `<ChecksumSHA256>${Buffer.from(sha256Of(bytes), 'hex').toString('base64')}</ChecksumSHA256></Part>`;

/** A file of three parts, and its bytes. */
function threeParts(): { file: string; parts: Buffer[] } {
  const size = 16 * 1024 * 1024;
  const bytes = Buffer.concat([Buffer.alloc(size, 'a'), Buffer.alloc(size, 'b'), Buffer.from('rest')]);
  const file = path.join(temporaryFolder(), 'file');
  writeFileSync(file, bytes);
  return { file, parts: [bytes.subarray(0, size), bytes.subarray(size, 2 * size), bytes.subarray(2 * size)] };
}

test('of an upload that was begun only the parts are sent that have not arrived as they are', async () => {
  const { file, parts } = threeParts();
  const key = 'files/a';
  const uploads = [
    ['p/files/a', 'older', '2026-01-01'],
    ['p/files/a', 'latest', '2026-01-03'],
    ['p/files/a', 'old', '2026-01-02'],
    ['p/files/ab', 'of another key', '2026-01-04'],
  ].map(
    ([of, id, day]) =>
      `<Upload><Key>${of}</Key><UploadId>${id}</UploadId><Initiated>${day}T00:00:00Z</Initiated></Upload>`,
  );
  const { bucket, asked } = await scriptedBucket(({ method, query }) => {
    if (method === 'PUT') return { headers: { etag: `"new ${query['partNumber']}"` } };
    if (method === 'POST') return { body: '<CompleteMultipartUploadResult/>' };
    if ('uploads' in query)
      return { body: `<ListMultipartUploadsResult>${uploads.join('')}</ListMultipartUploadsResult>` };
    // The second has arrived with other bytes; the third is told on the next page.
    const isFirst = query['part-number-marker'] === undefined;
    const body = isFirst
      ? `<IsTruncated>true</IsTruncated><NextPartNumberMarker>2</NextPartNumberMarker>${part(1, parts[0]!)}${part(2, parts[0]!)}`
      : `<IsTruncated>false</IsTruncated>${part(3, parts[2]!)}`;
    return { body: `<ListPartsResult>${body}</ListPartsResult>` };
  });
  await upload(bucket, key, file, undefined, 0);
  const sent = asked.filter(({ method }) => method === 'PUT');
  expect(sent.map(({ query }) => [query['partNumber'], query['uploadId']])).toEqual([['2', 'latest']]);
  const done = asked.find(({ method }) => method === 'POST')!;
  expect(done.query['uploadId']).toBe('latest');
  expect([...done.body.matchAll(/<ETag>(.*?)<\/ETag>.*?<PartNumber>(\d)</g)].map(([, tag, at]) => [tag, at])).toEqual([
    ['&quot;old 1&quot;', '1'],
    ['&quot;new 2&quot;', '2'],
    ['&quot;old 3&quot;', '3'],
  ]);
  expect(asked.filter(({ query }) => query['part-number-marker'] === '2')).toHaveLength(1);
});

test('an upload whose end was not answered counts where the object is there with all its bytes, and else not', async () => {
  const { file } = threeParts();
  const size = readFileSync(file).length;
  const ending = async (there: number): Promise<void> => {
    const { bucket } = await scriptedBucket(({ method, query }) => {
      if (method === 'HEAD') return { headers: { 'content-length': String(there) } };
      if (method === 'GET') return { body: '<ListMultipartUploadsResult/>' };
      if (method === 'PUT') return { headers: { etag: '"1"' } };
      if ('uploads' in query)
        return { body: '<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>' };
      return refusal('NoSuchUpload', 404);
    });
    await upload(bucket, 'files/a', file, undefined, 0);
  };
  await ending(size);
  await expect(ending(size - 1)).rejects.toMatchObject({
    ending: 'Crashed',
    message: 's3://b/p/files/a: expected the bucket to do it, got 404 NoSuchUpload; it is tried again',
  });
});

test('a file of less than 256 MiB, or of just so many bytes as may go whole, goes in one request, with its sum', async () => {
  const { bucket, asked } = await scriptedBucket(() => ({ headers: { etag: '"1"' } }));
  const file = path.join(temporaryFolder(), 'file');
  const text = 'said'.repeat(5 * 1024 * 1024);
  writeFileSync(file, text);
  await upload(bucket, 'files/a', file, sha256Of(text));
  await upload(bucket, 'files/b', file, sha256Of(text), text.length);
  expect(asked.map(({ method, path: of, body }) => [method, of, body === text])).toEqual([
    ['PUT', '/b/p/files/a', true],
    ['PUT', '/b/p/files/b', true],
  ]);
  expect(asked[0]!.headers['x-amz-checksum-sha256']).toBe(Buffer.from(sha256Of(text), 'hex').toString('base64'));
});

test('no file stays open, however its transfer ends', async () => {
  const { bucket } = await scriptedBucket(({ method }) => (method === 'PUT' ? {} : refusal('AccessDenied', 403)));
  const folder = temporaryFolder();
  const file = path.join(folder, 'file');
  writeFileSync(file, 'said');
  await upload(bucket, 'files/a', file);
  await expect(upload(bucket, 'files/a', file, undefined, 0)).rejects.toThrow('AccessDenied');
  await expect(download(bucket, 'files/a', path.join(folder, 'incoming'))).rejects.toThrow('AccessDenied');
  const open = readdirSync('/proc/self/fd').map((of) => readlinkIfThere(`/proc/self/fd/${of}`));
  expect(open.filter((place) => place.startsWith(folder))).toEqual([]);
});

/** Where a link leads; nowhere, where it has gone meanwhile. */
function readlinkIfThere(link: string): string {
  try {
    return readlinkSync(link);
  } catch {
    return '';
  }
}
