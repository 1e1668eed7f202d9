import type { Bucket } from './bucket.ts';
import { indexKey } from './keys.ts';

// Finished work by its fingerprint: an object for each stage, whose key says all.

/** More fingerprints than that are looked up by reading the whole index, a thousand entries a request. */
const FEW = 32;
const FIRST_DIGITS = Array.from({ length: 16 }, (_, digit) => digit.toString(16));

export async function remember(bucket: Bucket, fingerprint: string, directory: string): Promise<void> {
  // The SDK warns of a body that is empty.
  await bucket.write(indexKey(fingerprint, directory), directory);
}

export async function recall(bucket: Bucket, fingerprints: readonly string[]): Promise<string[][]> {
  const found = new Map(fingerprints.map((fingerprint): [string, string[]] => [fingerprint, []]));
  const folders = [...found.keys()].map((fingerprint) => indexKey(fingerprint, ''));
  const prefixes = folders.length <= FEW ? folders : FIRST_DIGITS.map((digit) => `index/${digit}`);
  await Promise.all(
    prefixes.map(async (prefix) => {
      for await (const { key } of bucket.list(prefix)) {
        const [, fingerprint = '', ...directory] = key.split('/');
        found.get(fingerprint)?.push(directory.join('/'));
      }
    }),
  );
  return fingerprints.map((fingerprint) => (found.get(fingerprint) ?? []).toSorted());
}
