// What stands of an epoch when it is over: its supernet's file, its record in the manifest, its metrics.
import { rm } from 'node:fs/promises';
import { temporaryName } from '../../artifacts/atomic-write.ts';
import { commit } from '../../artifacts/fence.ts';
import type { EpochRecord } from '../../artifacts/manifest.ts';
import { placeOf } from '../../artifacts/paths.ts';
import type { Job } from '../process/protocol.ts';
import type { Supernet } from '../supernet/network.ts';
import { saveSupernet } from '../supernet/weights.ts';
import { metricsFiles } from './epoch-metrics.ts';
import type { Metrics } from './epoch-metrics.ts';

/** What was measured of an epoch. */
export type Measured = Omit<EpochRecord, 'file' | 'sha256' | 'bytes'>;

/**
 * Commits an epoch: `{tau}_{epoch}.safetensors` where it is kept, the manifest's record, its metrics. Kept are
 * all epochs (minTau null), or those with a tau above minTau; the best so far is kept always, so that there is one to choose.
 * @param extras what the metrics say beside the record
 */
export async function commitEpoch(
  job: Job,
  net: Supernet,
  measured: Measured,
  minTau: number | null,
  extras: Omit<Metrics, keyof Measured> & Readonly<Record<string, unknown>>,
): Promise<void> {
  const { epoch } = measured;
  const saved = saveEpoch(job, net, measured);
  const metrics = await metricsFiles(job, { ...measured, ...extras });
  let dropped: string[] = [];
  await commit(
    job.results,
    job.directory,
    job.token,
    (manifest) => {
      // A stage that resumed before an epoch it had committed commits it again, with the same bits.
      const earlier = manifest.epochs.filter((record) => record.epoch < epoch);
      const epochs = keptOf([...earlier, { ...measured, ...saved.record }], minTau);
      dropped = [...filesOf(earlier), saved.record.file].filter((file) => !filesOf(epochs).includes(file));
      return { ...manifest, epochs };
    },
    [saved.placement, ...metrics],
  );
  await Promise.all(dropped.map((file) => rm(placeOf(job.results, file), { force: true })));
}

/** The records with the files of those that are not kept taken out. */
export function keptOf(epochs: readonly EpochRecord[], minTau: number | null): EpochRecord[] {
  if (minTau === null) return [...epochs];
  const best = Math.max(...epochs.map(score));
  return epochs.map((record) =>
    score(record) > minTau || score(record) === best ? record : { ...record, file: null, sha256: null, bytes: null },
  );
}

function score({ tau }: EpochRecord): number {
  return tau ?? -Infinity;
}

function filesOf(epochs: readonly EpochRecord[]): string[] {
  return epochs.flatMap(({ file }) => file ?? []);
}

function saveEpoch(job: Job, net: Supernet, { epoch, tau }: Measured) {
  const file = `${job.directory}/${tau === null ? 'nan' : tau.toFixed(4)}_${epoch}.safetensors`;
  const from = temporaryName(placeOf(job.results, file));
  const { sha256, bytes } = saveSupernet(net, from, { epoch: String(epoch), tau: String(tau) });
  return { record: { file, sha256, bytes }, placement: { from, to: file } };
}
