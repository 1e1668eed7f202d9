import { copyFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { logsIn, statOf, temporaryName } from '../files.ts';
import { rankOfLog } from '../paths.ts';
import type { Bucket } from './bucket.ts';
import { manifestKey } from './keys.ts';
import { download, upload } from './transfer.ts';

// Logs of a stage's processes grow on the machine where they run. In the bucket are snapshots of them, beside the manifest.

/** Brings those logs here that are longer in the bucket: attempts on other machines have added to them. */
export async function bringLogs(bucket: Bucket, directory: string, folder: string): Promise<void> {
  const beginning = manifestKey(directory, '');
  for await (const { key, bytes } of bucket.list(`${beginning}trainer.`)) {
    const name = key.slice(beginning.length);
    const place = path.join(folder, name);
    if (rankOfLog(name) === null || bytes <= ((await statOf(place))?.size ?? 0)) continue;
    const incoming = temporaryName(place);
    try {
      if ((await download(bucket, key, incoming)) !== null) await copyFile(incoming, place);
    } finally {
      await rm(incoming, { force: true });
    }
  }
}

/** Sends what the logs say by now. */
export async function sendLogs(bucket: Bucket, directory: string, folder: string): Promise<void> {
  for (const log of await logsIn(folder)) {
    const snapshot = temporaryName(log);
    try {
      // It grows while it is read.
      await copyFile(log, snapshot);
      await upload(bucket, manifestKey(directory, path.basename(log)), snapshot);
    } finally {
      await rm(snapshot, { force: true });
    }
  }
}
