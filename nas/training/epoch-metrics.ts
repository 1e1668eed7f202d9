import { fileNames } from '../../artifacts/paths.ts';
import { readResult } from '../../artifacts/results.ts';
import type { HeldStage } from '../../artifacts/stage.ts';
import type { NewFile } from '../../artifacts/store.ts';

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

// TensorBoard's event files: protocol buffers of tensorflow/core/util/event.proto in TFRecord framing.

const MASK = 0xa282ead8;
const CASTAGNOLI = 0x82f63b78;

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ CASTAGNOLI : remainder >>> 1;
  return remainder;
});

/**
 * One event file: TensorBoard's greeting, then one event with a value for each tag.
 * @param step the place on the horizontal axis: an epoch
 * @param time of the event, in seconds since 1970
 * @param scalars by tag, in the units to be shown; kept as float32
 */
export function eventFile(step: number, time: number, scalars: Readonly<Record<string, number>>): Buffer {
  const values = Object.entries(scalars).map(([tag, value]) =>
    field(1, Buffer.concat([field(1, Buffer.from(tag)), float(2, value)])),
  );
  const greeting = [double(1, time), field(3, Buffer.from('brain.Event:2'))];
  const event = [double(1, time), integer(2, step), field(5, Buffer.concat(values))];
  return Buffer.concat([record(Buffer.concat(greeting)), record(Buffer.concat(event))]);
}

/** CRC-32C: 0xe3069283 for the digits 1 to 9. */
export function crc32c(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) remainder = table[(remainder ^ byte) & 0xff]! ^ (remainder >>> 8);
  return ~remainder >>> 0;
}

/** Length and its checksum, the bytes and theirs. */
function record(bytes: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([length, masked(length), bytes, masked(bytes)]);
}

// A checksum of bytes that hold checksums themselves says little, so TFRecord turns and shifts it.
function masked(bytes: Buffer): Buffer {
  const crc = crc32c(bytes);
  const word = Buffer.alloc(4);
  word.writeUInt32LE((((crc >>> 15) | (crc << 17)) + MASK) >>> 0);
  return word;
}

/** Field numbers here are below 16, so a key is one byte: number and wire type. */
const key = (number: number, wire: 0 | 1 | 2 | 5): Buffer => Buffer.of((number << 3) | wire);

function field(number: number, bytes: Buffer): Buffer {
  return Buffer.concat([key(number, 2), varint(bytes.length), bytes]);
}

function integer(number: number, value: number): Buffer {
  return Buffer.concat([key(number, 0), varint(value)]);
}

function float(number: number, value: number): Buffer {
  const word = Buffer.alloc(4);
  word.writeFloatLE(value);
  return Buffer.concat([key(number, 5), word]);
}

function double(number: number, value: number): Buffer {
  const word = Buffer.alloc(8);
  word.writeDoubleLE(value);
  return Buffer.concat([key(number, 1), word]);
}

/** Seven bits a byte, the lowest first; all but the last byte have their highest bit set. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}
