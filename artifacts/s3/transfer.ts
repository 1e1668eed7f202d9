import { createHash, webcrypto } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { CompletedPart, Part } from '@aws-sdk/client-s3';
import { KnownError } from '../../plan/endings.ts';
import type { Bucket } from './bucket.ts';
import { pause } from './bucket.ts';
import { faultOf, S3Fault, statusOf } from './faults.ts';
import { HashBeside } from './hash-beside.ts';

// Files to and from a bucket, whatever their size, with every byte checked on its way.

/** Up to that a file goes whole: a store has to put parts together again, and to send it once more costs little. */
const LARGEST_WHOLE = 256 * 1024 * 1024;
const LEAST_PART = 16 * 1024 * 1024;
/** S3 takes 10,000. */
const MOST_PARTS = 9000;
const AT_ONCE = 4;
/** So many in a row that brought nothing are the last. */
const TRIES = 5;
/** What has come is written to the disk in pieces of that size. */
const WRITE_BYTES = 4 * 1024 * 1024;

/**
 * Sends a file to a key that holds nothing but these bytes, so that a transfer which somebody began and was killed in is
 * gone on with: parts that have arrived are not sent again.
 * @param sha256 of the file, where it is known
 * @param largestWhole bytes that a file may have to go in one request
 */
export async function upload(
  bucket: Bucket,
  key: string,
  file: string,
  sha256?: string,
  largestWhole = LARGEST_WHOLE,
): Promise<void> {
  const { size } = await stat(file);
  const handle = await open(file, 'r');
  const readAt: ReadAt = async (from, length) => {
    const bytes = Buffer.allocUnsafe(length);
    const { bytesRead } = await handle.read(bytes, 0, length, from);
    if (bytesRead === length) return bytes;
    throw new S3Fault(`${file}: expected ${length} bytes at ${from}, got ${bytesRead}; it is tried again`, null);
  };
  try {
    if (size <= largestWhole) await bucket.write(key, await readAt(0, size), undefined, sha256);
    else await uploadParts(bucket, key, size, readAt);
  } finally {
    await handle.close();
  }
}

type ReadAt = (from: number, length: number) => Promise<Buffer<ArrayBuffer>>;

async function uploadParts(bucket: Bucket, key: string, size: number, readAt: ReadAt): Promise<void> {
  const { sdk, client } = await bucket.connected();
  const partSize = Math.max(LEAST_PART, Math.ceil(size / MOST_PARTS));
  const named = bucket.named(key);
  try {
    const begun = await openUpload(bucket, key);
    const UploadId =
      begun ??
      (await client.send(new sdk.CreateMultipartUploadCommand({ ...named, ChecksumAlgorithm: 'SHA256' }))).UploadId;
    const arrived = begun === null ? new Map<number, Part>() : await partsOf(bucket, key, begun);
    const parts: CompletedPart[] = [];
    const wanted = Array.from({ length: Math.ceil(size / partSize) }, (_, at) => at).values();
    const sendNext = async (): Promise<void> => {
      // All senders draw from one row.
      for (const at of wanted) {
        const body = await readAt(at * partSize, Math.min(partSize, size - at * partSize));
        const ChecksumSHA256 = await sumOf(body);
        const there = arrived.get(at + 1);
        const isThere = there?.Size === body.length && there.ChecksumSHA256 === ChecksumSHA256;
        const part = { ...named, UploadId, PartNumber: at + 1, Body: body, ChecksumSHA256 };
        const { ETag } = isThere ? there : await client.send(new sdk.UploadPartCommand(part));
        parts[at] = { PartNumber: at + 1, ETag, ChecksumSHA256 };
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, sendNext));
    const done = { ...named, UploadId, MultipartUpload: { Parts: parts } };
    await client.send(new sdk.CompleteMultipartUploadCommand(done));
  } catch (error) {
    // The answer may be lost, and another attempt may have finished the same upload.
    const there = await bucket.look(key).catch(() => null);
    if (there?.bytes !== size) throw faultOf(bucket.address, key, error);
  }
}

/** The sha256 of bytes as S3 writes it, computed beside what this thread does: other parts go out meanwhile. */
async function sumOf(bytes: Buffer<ArrayBuffer>): Promise<string> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('base64');
}

/** The upload of that key that was begun and not ended, the latest one; null where there is none. */
async function openUpload(bucket: Bucket, key: string): Promise<string | null> {
  const { sdk, client } = await bucket.connected();
  const { Key, ...named } = bucket.named(key);
  const { Uploads = [] } = await client.send(new sdk.ListMultipartUploadsCommand({ ...named, Prefix: Key }));
  const ours = Uploads.filter((one) => one.Key === Key);
  return ours.toSorted((a, b) => Number(a.Initiated) - Number(b.Initiated)).at(-1)?.UploadId ?? null;
}

async function partsOf(bucket: Bucket, key: string, UploadId: string): Promise<Map<number, Part>> {
  const { sdk, client } = await bucket.connected();
  const found = new Map<number, Part>();
  let marker: string | undefined;
  // Not the SDK's own paginator, which has no end where a store always names a next marker.
  for (;;) {
    const asked = { ...bucket.named(key), UploadId, ...(marker === undefined ? {} : { PartNumberMarker: marker }) };
    const page = await client.send(new sdk.ListPartsCommand(asked));
    for (const part of page.Parts ?? []) found.set(part.PartNumber ?? 0, part);
    if (page.IsTruncated !== true) return found;
    marker = page.NextPartNumberMarker;
  }
}

/** A thread of its own is begun for the hash of more than that. */
const HASHED_ASIDE = 16 * 1024 * 1024;

/**
 * Fetches an object into a new file, and goes on where a connection broke off.
 * @returns the sha256 of what came; null where there is no such object
 */
export async function download(bucket: Bucket, key: string, file: string): Promise<string | null> {
  const incoming = new Incoming(file, await open(file, 'wx'));
  try {
    for (let triesInVain = 0; ;) {
      const { bytes } = incoming;
      try {
        const body = await bucket.stream(key, bytes);
        if (body === null) return null;
        await incoming.add(body);
        return await incoming.end();
      } catch (error) {
        const fault = faultOf(bucket.address, key, error);
        // Asked for what comes after its end: the break came after the last byte.
        if (statusOf(fault) === 416) return await incoming.end();
        triesInVain = incoming.bytes > bytes ? 0 : triesInVain + 1;
        if (!(fault instanceof S3Fault) || triesInVain === TRIES) throw fault;
        await pause(triesInVain);
      }
    }
  } finally {
    await incoming.close();
  }
}

/** A file that comes in: written while more of it arrives, and hashed beside that where it is large. */
class Incoming {
  /** Received and written. */
  bytes = 0;
  readonly #file: string;
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #beside: HashBeside | null = null;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(file: string, handle: FileHandle) {
    this.#file = file;
    this.#handle = handle;
  }

  async add(body: AsyncIterable<Buffer>): Promise<void> {
    try {
      for await (const chunks of inPieces(body)) {
        await this.#writing;
        this.#writing = this.#write(chunks);
        // A failure is thrown where it is waited for.
        this.#writing.catch(() => undefined);
      }
    } finally {
      await this.#writing;
    }
  }

  async #write(chunks: readonly Buffer[]): Promise<void> {
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    const { bytesWritten } = await this.#handle.writev(chunks);
    if (bytesWritten !== bytes) {
      throw new KnownError('Crashed', `expected room on this disk for ${bytes} bytes, got ${bytesWritten}; free some`);
    }
    this.bytes += bytes;
    if (this.#beside === null && this.bytes > HASHED_ASIDE) this.#beside = new HashBeside(this.#file);
    if (this.#beside !== null) this.#beside.grown(this.bytes);
    else for (const chunk of chunks) this.#hash.update(chunk);
  }

  /** Makes what came last; its sha256. */
  async end(): Promise<string> {
    const [sha256] = await Promise.all([
      this.#beside?.digest(this.bytes) ?? this.#hash.digest('hex'),
      this.#handle.sync(),
    ]);
    return sha256;
  }

  async close(): Promise<void> {
    await this.#beside?.end();
    await this.#handle.close();
  }
}

/** Chunks of so many bytes together that they are worth a write, and the last of them however few, also where the body breaks off. */
async function* inPieces(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  let chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes < WRITE_BYTES) continue;
      yield chunks;
      [chunks, bytes] = [[], 0];
    }
  } finally {
    if (bytes > 0) yield chunks;
  }
}
