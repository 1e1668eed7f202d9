// What can be plotted of an epoch: a line of `log.jsonl` for programs, an event file for TensorBoard.
import { mkdir, readFile } from 'node:fs/promises';
import { atomicWrite, temporaryName } from '../../artifacts/atomic-write.ts';
import type { Placement } from '../../artifacts/fence.ts';
import { fileNames, placeOf } from '../../artifacts/paths.ts';
import type { Job } from '../process/protocol.ts';
import { eventFile } from './event-file.ts';

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
 * The files to place with the commit of an epoch: the log with this epoch's line in the place of whatever it said of it
 * and later ones, and the epoch's own event file. A stage that goes on after a loss so writes each point anew, once.
 */
export async function metricsFiles(job: Job, metrics: Metrics): Promise<Placement[]> {
  const { epoch } = metrics;
  const log = `${job.directory}/${fileNames.metricsLog}`;
  const text = await readFile(placeOf(job.results, log), 'utf8').catch(() => '');
  const earlier = text
    .split('\n')
    .slice(0, epoch)
    .filter((line) => line !== '');
  const folder = `${job.directory}/${fileNames.tensorboard}`;
  await mkdir(placeOf(job.results, folder), { recursive: true });
  // TensorBoard takes every file with this word in its name, in the order of the names.
  const events = `${folder}/epoch-${String(epoch).padStart(6, '0')}.tfevents`;
  return [
    await written(job, log, [...earlier, JSON.stringify(metrics), ''].join('\n')),
    await written(job, events, eventFile(epoch, Date.now() / 1000, scalarsOf(metrics))),
  ];
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

async function written(job: Job, to: string, content: string | Buffer): Promise<Placement> {
  // In the stage's own folder, where the next attempt clears half-written files away.
  const from = temporaryName(placeOf(job.results, `${job.directory}/${to.split('/').at(-1)}`));
  await atomicWrite(from, content);
  return { from, to };
}
