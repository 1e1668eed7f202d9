import type { Leftover } from '../leftovers.ts';
import { GRACE_MS, namesOf } from '../leftovers.ts';
import type { Bucket } from './bucket.ts';
import { directoryOf, isAside, keyOf, RUNS } from './keys.ts';
import type { ArtifactStore } from '../store.ts';

/**
 * What lies in a bucket and no stage's manifest names. Files are listed before manifests are read, so that one which is
 * named meanwhile is seen to be.
 */
export async function leftoversIn(bucket: Bucket, read: ArtifactStore['read']): Promise<Leftover[]> {
  const old = Date.now() - GRACE_MS;
  const found: Leftover[] = [];
  const candidates: Leftover[] = [];
  const stages: string[] = [];
  for (const prefix of ['files/', RUNS]) {
    for await (const { key, bytes, changed } of bucket.list(prefix)) {
      const directory = directoryOf(key);
      if (directory !== null) stages.push(directory);
      else if (isAside(key)) found.push({ what: 'set aside', place: key, bytes });
      else if (isFile(key) && changed.getTime() < old) candidates.push({ what: 'unnamed', place: key, bytes });
    }
  }
  const named = new Set<string>();
  for (const directory of stages) {
    const manifest = await read(directory);
    if (manifest !== null) for (const file of namesOf(manifest)) named.add(keyOf(file));
  }
  const unnamed = candidates.filter(({ place }) => !named.has(place));
  return [...found, ...unnamed, ...(await oldUploads(bucket, old))];
}

function isFile(key: string): boolean {
  return key.startsWith('files/') || key.includes('/checkpoints/');
}

async function oldUploads(bucket: Bucket, before: number): Promise<Leftover[]> {
  const found: Leftover[] = [];
  for (const { key, id, begun, bytes } of await bucket.uploads()) {
    if (begun.getTime() < before) found.push({ what: 'upload', place: `${key}#${id}`, bytes });
  }
  return found;
}

/** Removes leftovers, but for files that have been made young since: somebody is about to name them. */
export async function clearFrom(bucket: Bucket, leftovers: readonly Leftover[]): Promise<void> {
  const old = Date.now() - GRACE_MS;
  for (const { what, place } of leftovers) {
    if (what === 'upload') {
      const [key = '', id = ''] = place.split('#');
      await bucket.abort(key, id);
    } else if (what === 'set aside' || ((await bucket.look(place))?.changed.getTime() ?? Infinity) < old) {
      await bucket.remove([place]);
    }
  }
}
