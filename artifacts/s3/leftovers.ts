import type { Leftover } from '../leftovers.ts';
import { GRACE_MS, namesOf } from '../leftovers.ts';
import { VERIFICATION } from '../paths.ts';
import type { ArtifactStore } from '../store.ts';
import type { Bucket } from './bucket.ts';
import { directoryOf, isAside, keyOf, RUNS, stageOfAside } from './keys.ts';

/**
 * What lies in a bucket and no stage's manifest names. Files are listed before manifests are read, so that one which is
 * named meanwhile is seen to be.
 */
export async function leftoversIn(bucket: Bucket, read: ArtifactStore['read']): Promise<Leftover[]> {
  const old = Date.now() - GRACE_MS;
  const found: Leftover[] = [];
  const candidates: Leftover[] = [];
  const stages: string[] = [];
  for (const prefix of ['files/', 'probe/', RUNS]) {
    for await (const { key, bytes, changed } of bucket.list(prefix)) {
      const directory = directoryOf(key);
      if (directory !== null) stages.push(directory);
      else if (isAside(key)) found.push({ what: 'set aside', place: key, stage: stageOfAside(key), bytes });
      else if (isFile(key) && changed.getTime() < old)
        candidates.push({ what: 'unnamed', place: key, stage: null, bytes });
    }
  }
  const named = new Set<string>();
  for (const directory of stages) {
    const manifest = await read(directory);
    if (manifest !== null) for (const file of namesOf(manifest)) named.add(keyOf(file));
  }
  const unnamed = candidates.filter(({ place }) => !named.has(place));
  return [...found, ...unnamed, ...(await oldUploads(bucket, old)), ...(await oldVerifications(bucket, old))];
}

function isFile(key: string): boolean {
  return !key.startsWith(RUNS) || key.includes('/checkpoints/');
}

async function oldUploads(bucket: Bucket, before: number): Promise<Leftover[]> {
  const uploads = (await bucket.uploads()).filter(({ begun }) => begun.getTime() < before);
  return uploads.map(({ key, id, bytes }) => ({ what: 'upload', place: `${key}#${id}`, stage: null, bytes }));
}

/** Those that were broken off, or whose two sides differed and have been looked at for a day. */
async function oldVerifications(bucket: Bucket, before: number): Promise<Leftover[]> {
  const all = new Map<string, { bytes: number; changed: number }>();
  for await (const { key, bytes, changed } of bucket.list(VERIFICATION)) {
    const place = key.slice(0, key.indexOf('/') + 1);
    const sum = all.get(place) ?? { bytes: 0, changed: 0 };
    all.set(place, { bytes: sum.bytes + bytes, changed: Math.max(sum.changed, changed.getTime()) });
  }
  const old = [...all].filter(([, { changed }]) => changed < before);
  return old.map(([place, { bytes }]) => ({ what: 'verification', place, stage: null, bytes }));
}

/** Removes leftovers, but for files that have been made young since: somebody is about to name them. */
export async function clearFrom(bucket: Bucket, leftovers: readonly Leftover[]): Promise<void> {
  const old = Date.now() - GRACE_MS;
  for (const { what, place } of leftovers) {
    if (what === 'upload') {
      const [key = '', id = ''] = place.split('#');
      await bucket.abort(key, id);
    } else if (what === 'verification') {
      await removeBelow(bucket, place);
    } else if (what === 'set aside' || ((await bucket.look(place))?.changed.getTime() ?? Infinity) < old) {
      await bucket.remove([place]);
    }
  }
}

/** Removes every object and every upload whose key begins so. */
export async function removeBelow(bucket: Bucket, prefix: string): Promise<void> {
  for (const { key, id } of await bucket.uploads()) if (key.startsWith(prefix)) await bucket.abort(key, id);
  const keys: string[] = [];
  for await (const { key } of bucket.list(prefix)) keys.push(key);
  await bucket.remove(keys);
}
