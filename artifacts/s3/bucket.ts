import { setTimeout as sleep } from 'node:timers/promises';
import { Readable } from 'node:stream';
import type * as sdk from '@aws-sdk/client-s3';
import type { S3Address } from './address.ts';
import { faultOf, statusOf } from './faults.ts';

// The SDK of AWS, because it knows the ways to credentials and every store is tested against it. It is loaded when first
// needed: most commands never need it. Releases from January 2027 on want Node 22, and ours warn of that in vain.

type Sdk = typeof sdk;

const AT_ONCE = 16;

/** What is written only if nothing has that key, or only over the object with that tag. */
export type Condition = 'new' | { readonly tag: string };

/** An object as a listing shows it. */
export interface Listed {
  readonly key: string;
  readonly bytes: number;
  readonly changed: Date;
}

/** Requests that a bucket answers, with keys below the address's prefix. Errors are KnownErrors that name the key. */
export class Bucket {
  readonly address: S3Address;
  #connected: Promise<{ sdk: Sdk; client: sdk.S3Client }> | null = null;

  constructor(address: S3Address) {
    this.address = address;
  }

  /** The client and the commands, and what names an object in them. */
  async connected(): Promise<{ sdk: Sdk; client: sdk.S3Client }> {
    this.#connected ??= connect(this.address);
    return await this.#connected;
  }

  /** How commands name an object. */
  named(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.address.bucket, Key: this.address.prefix + key };
  }

  /** A small object and its tag; null where there is none, `unchanged` where it still has the tag `known`. */
  async read(key: string, known?: string): Promise<{ text: string; tag: string } | 'unchanged' | null> {
    const { sdk, client } = await this.connected();
    const wanted = { ...this.named(key), ...(known === undefined ? {} : { IfNoneMatch: known }) };
    try {
      const { Body, ETag = '' } = await client.send(new sdk.GetObjectCommand(wanted));
      return { text: (await Body?.transformToString()) ?? '', tag: ETag };
    } catch (error) {
      if (statusOf(error) === 304) return 'unchanged';
      if (statusOf(error) === 404 && !isNoBucket(error)) return null;
      throw faultOf(this.address, key, error);
    }
  }

  /** An object's bytes from `offset` on; null where there is none. */
  async stream(key: string, offset: number): Promise<AsyncIterable<Buffer> | null> {
    const { sdk, client } = await this.connected();
    const range = offset === 0 ? {} : { Range: `bytes=${offset}-` };
    try {
      const { Body } = await client.send(new sdk.GetObjectCommand({ ...this.named(key), ...range }));
      if (Body instanceof Readable) return Body;
      throw new TypeError(`${key}: expected a stream of Node.js`);
    } catch (error) {
      if (statusOf(error) === 404 && !isNoBucket(error)) return null;
      throw faultOf(this.address, key, error);
    }
  }

  /** Writes a small object; its tag. What a condition says of it may be wrong: see S3Store. */
  async write(key: string, body: string | Uint8Array, condition?: Condition, sha256?: string): Promise<string> {
    const { sdk, client } = await this.connected();
    const only = condition === undefined ? {} : condition === 'new' ? { IfNoneMatch: '*' } : { IfMatch: condition.tag };
    const sum = sha256 === undefined ? {} : { ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64') };
    try {
      const { ETag = '' } = await client.send(
        new sdk.PutObjectCommand({ ...this.named(key), Body: body, ...only, ...sum }),
      );
      return ETag;
    } catch (error) {
      throw faultOf(this.address, key, error);
    }
  }

  /** Size and time of an object; null where there is none. */
  async look(key: string): Promise<{ bytes: number; changed: Date } | null> {
    const { sdk, client } = await this.connected();
    try {
      const { ContentLength = 0, LastModified = new Date() } = await client.send(
        new sdk.HeadObjectCommand(this.named(key)),
      );
      return { bytes: ContentLength, changed: LastModified };
    } catch (error) {
      if (statusOf(error) === 404) return null;
      throw faultOf(this.address, key, error);
    }
  }

  /** Every object whose key begins with `prefix`, in the order of the keys. */
  async *list(prefix: string): AsyncGenerator<Listed> {
    const { sdk, client } = await this.connected();
    const { Bucket: bucket, Key: Prefix } = this.named(prefix);
    let next: string | undefined;
    do {
      const asked = { Bucket: bucket, Prefix, ...(next === undefined ? {} : { ContinuationToken: next }) };
      const page = await client.send(new sdk.ListObjectsV2Command(asked)).catch((error: unknown) => {
        throw faultOf(this.address, prefix, error);
      });
      for (const { Key = '', Size = 0, LastModified = new Date() } of page.Contents ?? []) {
        yield { key: Key.slice(this.address.prefix.length), bytes: Size, changed: LastModified };
      }
      next = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (next !== undefined);
  }

  /** Removes objects; one that is gone already is no error. */
  async remove(keys: readonly string[]): Promise<void> {
    const { sdk, client } = await this.connected();
    const row = keys.values();
    const removeNext = async (): Promise<void> => {
      // All draw from one row.
      for (const key of row) {
        await client.send(new sdk.DeleteObjectCommand(this.named(key))).catch((error: unknown) => {
          if (statusOf(error) !== 404) throw faultOf(this.address, key, error);
        });
      }
    };
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, keys.length) }, removeNext));
  }

  /** Uploads of many parts that were begun and not ended, with the size of what has arrived. */
  async uploads(): Promise<{ key: string; id: string; begun: Date; bytes: number }[]> {
    const { sdk, client } = await this.connected();
    const { prefix, bucket } = this.address;
    const found: { key: string; id: string; begun: Date; bytes: number }[] = [];
    let next: { KeyMarker?: string; UploadIdMarker?: string } = {};
    for (;;) {
      const asked = { Bucket: bucket, Prefix: prefix, ...next };
      const page = await client.send(new sdk.ListMultipartUploadsCommand(asked)).catch((error: unknown) => {
        throw faultOf(this.address, '', error);
      });
      for (const { Key = '', UploadId: id = '', Initiated: begun = new Date() } of page.Uploads ?? []) {
        const parts = await client
          .send(new sdk.ListPartsCommand({ Bucket: bucket, Key, UploadId: id }))
          .catch((error: unknown) => {
            // It may have ended meanwhile.
            if (statusOf(error) === 404) return null;
            throw faultOf(this.address, Key, error);
          });
        const bytes = (parts?.Parts ?? []).reduce((sum, { Size = 0 }) => sum + Size, 0);
        found.push({ key: Key.slice(prefix.length), id, begun, bytes });
      }
      const { IsTruncated, NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
      if (IsTruncated !== true || KeyMarker === undefined) return found;
      next = { KeyMarker, ...(UploadIdMarker === undefined ? {} : { UploadIdMarker }) };
    }
  }

  /** Gives up an upload that was begun. */
  async abort(key: string, id: string): Promise<void> {
    const { sdk, client } = await this.connected();
    await client
      .send(new sdk.AbortMultipartUploadCommand({ ...this.named(key), UploadId: id }))
      .catch((error: unknown) => {
        if (statusOf(error) !== 404) throw faultOf(this.address, key, error);
      });
  }

  /** Makes an object as young as a new one. */
  async renew(key: string): Promise<void> {
    const { sdk, client } = await this.connected();
    const named = this.named(key);
    const CopySource = encodeURI(`${named.Bucket}/${named.Key}`);
    const asked = { ...named, CopySource, MetadataDirective: 'REPLACE' as const };
    await client.send(new sdk.CopyObjectCommand(asked)).catch((error: unknown) => {
      throw faultOf(this.address, key, error);
    });
  }
}

async function connect({ endpoint, region, pathStyle }: S3Address): Promise<{ sdk: Sdk; client: sdk.S3Client }> {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  const sdk = await import('@aws-sdk/client-s3');
  const own = endpoint === null ? {} : { endpoint, region: region ?? 'us-east-1' };
  const client = new sdk.S3Client({
    ...(region === null ? {} : { region }),
    ...own,
    forcePathStyle: pathStyle,
    // Some seconds in all: a gateway that is started anew is back by then.
    maxAttempts: 8,
    // Other stores than AWS know none of the SDK's own sums; ours are given by hand.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // A connection that says nothing for so long is dead, however many minutes the whole transfer takes.
    requestHandler: { connectionTimeout: 5000, socketTimeout: 60_000, socketAcquisitionWarningTimeout: 600_000 },
  });
  client.middlewareStack.add(
    (next) => async (asked) => {
      if (hasHeaders(asked.request)) signGivenSum(asked.request.headers);
      return await next(asked);
    },
    { step: 'build' },
  );
  return { sdk, client };
}

function hasHeaders(request: unknown): request is { readonly headers: Record<string, string> } {
  return typeof request === 'object' && request !== null && 'headers' in request;
}

/** Where the body's sha256 is given by hand, the signature takes it from there: the SDK would compute it once more. */
function signGivenSum(headers: Record<string, string>): void {
  const sum = headers['x-amz-checksum-sha256'];
  if (sum !== undefined) headers['x-amz-content-sha256'] = Buffer.from(sum, 'base64').toString('hex');
}

function isNoBucket(error: unknown): boolean {
  return error instanceof Error && error.name === 'NoSuchBucket';
}

/** Waits a little longer after each try, never the same as others do. */
export async function pause(tried: number): Promise<void> {
  await sleep(Math.min(20 * 2 ** tried, 5000) * (0.5 + Math.random()));
}
