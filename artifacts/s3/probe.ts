import { randomBytes } from 'node:crypto';
import { BadInput } from '../../plan/endings.ts';
import type { Bucket, Condition } from './bucket.ts';
import { S3Fault } from './faults.ts';

const RACERS = 16;

/**
 * Tries out what all rests on: that of many writers with the same condition one succeeds, and that bytes which are not
 * those that were announced are refused. There are stores that take such requests and ignore what they say.
 * @throws BadInput with what to do
 */
export async function probeBucket(bucket: Bucket): Promise<void> {
  const key = `probe/${randomBytes(8).toString('hex')}`;
  // Equal bytes have equal tags, so each racer's are its own.
  const wins = async (condition: Condition): Promise<number> => {
    const racing = Array.from({ length: RACERS }, (_, at) =>
      isWritten(bucket, key, `racer ${at} ${randomBytes(4).toString('hex')}`, condition),
    );
    return (await Promise.all(racing)).filter(Boolean).length;
  };
  const { bucket: name } = bucket.address;
  const refuse = (what: string): never => {
    throw new BadInput(
      `s3://${name}: expected a store that ${what}, got one that does not; take one that docs/store.md names, or a folder`,
    );
  };
  try {
    for await (const _ of bucket.list(key)) break;
    // A lost answer may hide who has won, so none at all is no fault.
    if ((await wins('new')) > 1) refuse('lets one of many writers create an object (If-None-Match)');
    const found = await bucket.read(key);
    if (found === null || found === 'unchanged') return refuse('shows an object once it is written');
    if ((await wins({ tag: found.tag })) > 1) refuse('lets one of many writers replace an object (If-Match)');
    if (await isWritten(bucket, key, 'stale', { tag: found.tag }))
      refuse('refuses to replace an object that has changed');
    if (await isWritten(bucket, key, 'wrong', undefined, '0'.repeat(64))) refuse('compares bytes with their checksum');
  } finally {
    await bucket.remove([key]);
  }
}

async function isWritten(
  bucket: Bucket,
  key: string,
  text: string,
  condition?: Condition,
  sha256?: string,
): Promise<boolean> {
  try {
    await bucket.write(key, text, condition, sha256);
    return true;
  } catch (error) {
    if (error instanceof S3Fault) return false;
    throw error;
  }
}
