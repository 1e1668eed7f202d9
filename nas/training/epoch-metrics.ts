import { fileNames } from '../../artifacts/paths.ts';
import { readResult } from '../../artifacts/results.ts';
import type { HeldStage } from '../../artifacts/stage.ts';
import type { NewFile } from '../../artifacts/store.ts';
import { eventFile } from './event-file.ts';

// What can be plotted of an epoch: a line of `log.jsonl` for programs, an event file for TensorBoard.

/** Shares of images, 0..1. */
interface Accuracies {
  readonly top1: number;
  readonly top5: number;
}

/** One epoch in figures; what else is said of it goes into the log alone. */
export interface Metrics {
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

/**
 * The files to commit with an epoch, as extras: the log with this epoch's line in the place of whatever it said of it
 * and later ones, and the epoch's own event file. A stage that goes on after a loss so writes each point anew, once.
 */
export async function metricsFiles(stage: HeldStage, metrics: Metrics): Promise<NewFile[]> {
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

// A log that somebody has deleted or changed is begun anew: nothing is computed from it.
async function earlierLines({ store, manifest }: HeldStage, log: string): Promise<string[]> {
  const found = manifest.extras.find(({ file }) => file === log);
  if (found === undefined || (await store.hashOf(log)) !== found.sha256) return [];
  return (await readResult(store.root, found)).split('\n').filter((line) => line !== '');
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
