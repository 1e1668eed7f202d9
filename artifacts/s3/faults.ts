import { BadInput, KnownError } from '../../plan/endings.ts';
import type { S3Address } from './address.ts';

/** A bucket that did not do what it was asked, and may another time. */
export class S3Fault extends KnownError {
  /** Of HTTP; null where there was no answer. */
  readonly status: number | null;

  constructor(message: string, status: number | null, options?: ErrorOptions) {
    super('Crashed', message, options);
    this.status = status;
  }
}

/** The status of HTTP that an error of the SDK, or one made of it here, stands for; null where there was no answer. */
export function statusOf(error: unknown): number | null {
  if (error instanceof S3Fault) return error.status;
  if (!(error instanceof Error) || !('$metadata' in error)) return null;
  const { $metadata: metadata } = error;
  const isTold = typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata;
  return isTold && typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : null;
}

const remedies: Readonly<Record<string, string>> = {
  CredentialsProviderError:
    'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, as for any tool of AWS, for every worker',
  NoSuchBucket: 'make the bucket first, or correct NAS_RESULTS',
  InvalidAccessKeyId: 'correct the keys',
  SignatureDoesNotMatch: 'correct the keys, and the clock of this machine',
  ExpiredToken: 'get new credentials',
  AccessDenied: 'give these keys the permissions that docs/store.md lists',
  Forbidden: 'give these keys the permissions that docs/store.md lists',
  PermanentRedirect: 'give the region of the bucket: s3://…?region=…',
  Region: 'give the region of the bucket: s3://…?region=…',
};

/**
 * What the SDK said, as an error of ours: never its own words, which may hold addresses and names of keys.
 * Wrong credentials, buckets and regions are bad input; whatever else is wrong may pass.
 */
export function faultOf({ bucket, prefix }: S3Address, key: string, error: unknown): KnownError {
  if (error instanceof KnownError) return error;
  const status = statusOf(error);
  const name = nameOf(error, status);
  const code = error instanceof Error && 'code' in error ? ` ${String(error.code)}` : '';
  const said = status === null ? `no answer (${name}${code})` : `${status} ${name}`;
  const where = `s3://${bucket}/${prefix}${key}`;
  const remedy = remedies[name];
  if (remedy !== undefined) return new BadInput(`${where}: expected to be let in, got ${said}; ${remedy}`);
  return new S3Fault(`${where}: expected the bucket to do it, got ${said}; it is tried again`, status);
}

function nameOf(error: unknown, status: number | null): string {
  if (!(error instanceof Error)) return 'an unknown error';
  if (error.message.startsWith('Region is missing')) return 'Region';
  // The answer to HEAD has no body that could name it.
  return status === 403 && error.name === 'Unknown' ? 'Forbidden' : error.name;
}
