import { readFile } from 'node:fs/promises';
import type { EpochRecord, Manifest } from '../../artifacts/manifest.ts';
import { fileNames } from '../../artifacts/paths.ts';
import { replaced } from '../../artifacts/stage.ts';
import type { HeldStage } from '../../artifacts/stage.ts';
import type { NewFile, StoredFile } from '../../artifacts/store.ts';
import type { Supernet } from '../supernet/supernet.ts';
import { saveSupernet } from '../supernet/weights.ts';
import { eventFile } from './event-file.ts';

// What stays of an epoch: its supernet's file and its record in the manifest, and its metrics, as a line of `log.jsonl` for programs
// and as an event file for TensorBoard.

/** What was measured of an epoch. */
export type Measured = Omit<EpochRecord, 'file' | 'sha256' | 'bytes'>;

/**
 * Commits an epoch: `{tau}_{epoch}.safetensors` where it is kept, the manifest's record, its metrics. Kept are
 * all epochs (minTau null), or those with a tau above minTau; the best so far is kept always, so that there is one to choose.
 * @param extras what the metrics say beside the record
 */
export async function commitEpoch(
  stage: HeldStage,
  net: Supernet,
  measured: Measured,
  minTau: number | null,
  extras: Omit<Metrics, keyof Measured> & Readonly<Record<string, unknown>>,
): Promise<void> {
  const { epoch, tau } = measured;
  const file = `${stage.directory}/${tau === null ? 'nan' : tau.toFixed(4)}_${epoch}.safetensors`;
  const write = (path: string) => saveSupernet(net, path, { epoch: String(epoch), tau: String(tau) });
  const metrics = await metricsFiles(stage, { ...measured, ...extras });
  const recordsOf = ({ epochs }: Pick<Manifest, 'epochs'>, saved?: StoredFile): EpochRecord[] => {
    // A stage that resumed before an epoch it had committed commits it again, with the same bits.
    const earlier = epochs.filter((record) => record.epoch < epoch);
    const { sha256 = null, bytes = null } = saved ?? {};
    return keptOf([...earlier, { ...measured, file, sha256, bytes }], minTau);
  };
  const isKept = recordsOf(stage.manifest).at(-1)?.file === file;
  await stage.commit([...(isKept ? [{ file, write }] : []), ...metrics], (manifest, stored) => ({
    ...manifest,
    epochs: recordsOf(
      manifest,
      stored.find((one) => one.file === file),
    ),
    extras: replaced(
      manifest.extras,
      stored.filter((one) => one.file !== file),
    ),
  }));
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

/** Shares of images, 0..1. */
interface Accuracies {
  readonly top1: number;
  readonly top5: number;
}

/** One epoch in figures; whatever else is given goes into the log alone. */
interface Metrics {
  readonly epoch: number;
  /** Mean over the epoch, of the first net of each step. */
  readonly loss: number;
  /** Of the last net of each step. */
  readonly train: Accuracies;
  /** Learning rate of the first step. */
  readonly lr: number;
  readonly tau?: number | null;
  /** Of the smallest and the largest subnet, on images that did not train. */
  readonly min?: Accuracies;
  readonly max?: Accuracies;
  readonly crossEntropy?: { readonly min: number; readonly max: number };
  /** Of a subnet trained alone. */
  readonly test?: Accuracies;
}

/** Commits the metrics of an epoch that leaves nothing else. */
export async function commitMetrics(stage: HeldStage, metrics: Metrics): Promise<void> {
  await stage.commit(await metricsFiles(stage, metrics), (manifest, plots) => ({
    ...manifest,
    extras: replaced(manifest.extras, plots),
  }));
}

/**
 * The log with this epoch's line in the place of whatever it said of this epoch and later ones, and the epoch's own event file.
 * So a stage that goes on at an earlier checkpoint writes each point anew, once.
 */
async function metricsFiles(stage: HeldStage, metrics: Metrics): Promise<NewFile[]> {
  const { epoch } = metrics;
  const log = `${stage.directory}/${fileNames.metricsLog}`;
  const earlier = (await earlierLines(stage, log)).slice(0, epoch);
  // TensorBoard takes every file with this word in its name, in the order of the names.
  const name = `epoch-${String(epoch).padStart(6, '0')}.tfevents`;
  const events = eventFile(epoch, Date.now() / 1000, scalarsOf(metrics));
  return [
    { file: log, content: [...earlier, JSON.stringify(metrics), ''].join('\n') },
    { file: `${stage.directory}/${fileNames.tensorboard}/${name}`, content: events },
  ];
}

// A log that was deleted or changed is begun anew: nothing is computed from it.
async function earlierLines({ store, manifest }: HeldStage, log: string): Promise<string[]> {
  const found = manifest.extras.find(({ file }) => file === log);
  if (found === undefined || (await store.hashOf(found)) !== found.sha256) return [];
  return (await readFile(await store.fetch(found), 'utf8')).split('\n').filter((line) => line !== '');
}

/** By the original's names and in its units: accuracies in percent. */
function scalarsOf({ loss, train, lr, tau, min, max, crossEntropy, test }: Metrics): Record<string, number> {
  return {
    'learning_rate/lr': lr,
    'train/loss': loss,
    ...percent('train', train),
    ...(tau == null ? {} : { 'val/Kendallta': tau }),
    ...(min && percent('val/min_subnet', min)),
    ...(max && percent('val/max_subnet', max)),
    ...(crossEntropy && { 'val/min_subnet/loss': crossEntropy.min, 'val/max_subnet/loss': crossEntropy.max }),
    ...(test && percent('val', test)),
  };
}

function percent(group: string, { top1, top5 }: Accuracies): Record<string, number> {
  return { [`${group}/top1`]: 100 * top1, [`${group}/top5`]: 100 * top5 };
}
