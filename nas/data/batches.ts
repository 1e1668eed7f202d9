import type { Dataset, Draw, Part } from './dataset.ts';
import { randomOf } from '../space/random.ts';

export interface Batch {
  /** float32, normalised, [batch, resolution, resolution, channels] */
  readonly images: Float32Array;
  /** Class of each image. */
  readonly labels: Int32Array;
  /** Position of each image in its part. */
  readonly indices: Int32Array;
}

export interface TrainingOrder {
  readonly seed: number;
  readonly epoch: number;
  readonly batchSize: number;
  readonly augment: boolean;
  /** First step to give, 0 for the whole epoch; the steps before it cost nothing. */
  readonly from: number;
  /** Whether a last batch that is not full is left out. */
  readonly dropLast: boolean;
  /** Which of several equal shares of each batch is wanted; all of it if absent. */
  readonly share?: { readonly rank: number; readonly size: number };
}

// Batches asked for ahead of the one in use: enough for loaders that work beside the training thread.
const PREFETCH = 2;

/** Steps of one epoch. */
export function stepsPerEpoch(part: Part, batchSize: number, dropLast: boolean): number {
  return dropLast ? Math.floor(part.size / batchSize) : Math.ceil(part.size / batchSize);
}

/** One epoch from step `from` on, in an order and with an augmentation that are a pure function of (seed, epoch, position). */
export async function* trainingBatches(dataset: Dataset, part: Part, order: TrainingOrder): AsyncGenerator<Batch> {
  const { seed, epoch, batchSize } = order;
  const positions = randomOf(seed, 'order', epoch).shuffle(part.size);
  const steps = stepsPerEpoch(part, batchSize, order.dropLast);
  const { rank, size } = order.share ?? { rank: 0, size: 1 };
  const slices = range(order.from, steps).map((step) => {
    const batch = positions.subarray(step * batchSize, (step + 1) * batchSize);
    const [begin, end] = [rank, rank + 1].map((share) => Math.floor((batch.length * share) / size));
    return batch.slice(begin, end);
  });
  yield* prefetched(dataset, part, slices, order.augment ? { seed, epoch } : null);
}

/** The part's images, plain and in its own order: all, the first `limit` (balanced over the classes), or those at `positions`. */
export async function* plainBatches(
  dataset: Dataset,
  part: Part,
  options: {
    readonly batchSize: number;
    readonly limit?: number;
    readonly positions?: Int32Array | undefined;
  },
): AsyncGenerator<Batch> {
  const { batchSize, limit = part.size, positions = Int32Array.from(range(0, Math.min(limit, part.size))) } = options;
  const slices = range(0, Math.ceil(positions.length / batchSize)).map((batch) =>
    positions.slice(batch * batchSize, (batch + 1) * batchSize),
  );
  yield* prefetched(dataset, part, slices, null);
}

async function* prefetched(
  dataset: Dataset,
  part: Part,
  slices: readonly Int32Array[],
  draw: Draw | null,
): AsyncGenerator<Batch> {
  const ahead: Promise<Batch>[] = [];
  const stop = new AbortController();
  try {
    for (const slice of slices) {
      const batch = readBatch(dataset, part, slice, draw, stop.signal);
      // A failure is thrown when its turn comes, which may be long after it.
      batch.catch(() => undefined);
      ahead.push(batch);
      if (ahead.length > PREFETCH) yield await ahead.shift()!;
    }
    while (ahead.length > 0) yield await ahead.shift()!;
  } finally {
    // A consumer that stopped early, or a failed read: what is still under way ends before this does.
    stop.abort();
    await Promise.allSettled(ahead);
  }
}

async function readBatch(
  dataset: Dataset,
  part: Part,
  positions: Int32Array,
  draw: Draw | null,
  signal: AbortSignal,
): Promise<Batch> {
  const values = dataset.resolution ** 2 * dataset.channels;
  // Shared, so that other threads can fill it while this one is in TensorFlow.
  const images = new Float32Array(new SharedArrayBuffer(positions.length * values * Float32Array.BYTES_PER_ELEMENT));
  const leftOut = await part.read(positions, draw, images, signal);
  const indices = leftOut.size === 0 ? positions : positions.filter((position) => !leftOut.has(position));
  if (leftOut.size > 0) closeGaps(images, positions, leftOut, values);
  return {
    images: images.subarray(0, indices.length * values),
    labels: Int32Array.from(indices, (position) => part.labels[position]!),
    indices,
  };
}

/** Moves images to the front, over those that are left out. */
function closeGaps(images: Float32Array, positions: Int32Array, leftOut: ReadonlySet<number>, values: number): void {
  let kept = 0;
  for (const [i, position] of positions.entries()) {
    if (leftOut.has(position)) continue;
    images.copyWithin(kept * values, i * values, (i + 1) * values);
    kept++;
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
