import type { Cluster } from '../../runtime/collectives/cluster.ts';
import { ownNorm } from './batch-norm.ts';
import type { TrainedNorm } from './batch-norm.ts';
import { memo } from './ops.ts';
import { synchronisedNorm } from './synchronised-norm.ts';
import { attribute, constant, readFloats, run, scope, tensor } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

/**
 * Processes that train one network together, each on its share of every batch and with all the weights. All ranks make the same
 * calls in the same order: a sum waits for all of them.
 */
export interface Ranks {
  /** Of this process, from 0. Rank 0 alone writes results. */
  readonly rank: number;
  readonly size: number;
  /** The sum over all ranks, the same bits on each. x: float32, of one shape on all ranks; not freed. */
  sum(x: Tensor): Tensor;
  /** The numbers of every rank, to the bit, by rank; as many on each. */
  gather(values: readonly number[]): number[][];
  /** Batch normalisation over the images of all ranks. @param images in this step, of each rank */
  norm(images: readonly number[]): TrainedNorm;
}

/** A process that trains by itself. */
export const alone: Ranks = {
  rank: 0,
  size: 1,
  sum: (x) => run('Identity', [], [x]),
  gather: (values) => [[...values]],
  norm: () => ownNorm,
};

const SUM = [
  attribute.string('merge_op', 'Add'),
  attribute.string('final_op', 'Id'),
  // NCCL between cards. Between processors it means the same as any other word: a ring.
  attribute.string('communication_hint', 'nccl'),
  // No limit: TensorFlow would put two threads to sleep for as long with every sum. A silent rank is noticed by its heartbeat.
  attribute.float('timeout_seconds', 0),
  attribute.int('Nordering_token', 0),
];
const GROUP = 1;
/** A double is the sum of so many float32 values. */
const FLOATS_OF_DOUBLE = 3;

/**
 * Does work that several processes do together: each gets the ranks of the cluster that it has joined, null being none. They end
 * together: a rank that leaves while another still reads its part of a sum would break that off.
 */
export async function withRanks<T>(cluster: Cluster | null, work: (ranks: Ranks) => Promise<T>): Promise<T> {
  const ranks = cluster === null ? alone : ranksOf(cluster);
  const result = await work(ranks);
  ranks.gather([0]);
  return result;
}

/** The ranks of a cluster that this process has joined. */
export function ranksOf({ rank, addresses }: Cluster): Ranks {
  const size = addresses.length;
  const [groupSize, group] = [size, GROUP].map((value) => constant(Int32Array.of(value), []));
  // TensorFlow knows a sum by a number, and expects one shape under it. All ranks meet the shapes in the same order.
  const keys = new Map<string, Tensor>();
  const ranks: Ranks = {
    rank,
    size,
    sum: (x) => {
      const key = memo(keys, x.shape.join(), () => constant(Int32Array.of(keys.size + 1), []));
      return run('CollectiveReduceV2', SUM, [x, groupSize!, group!, key]);
    },
    gather: (values) => {
      const row = values.flatMap(floatsOf);
      const own = new Float32Array(size * row.length);
      own.set(row, rank * row.length);
      const all = scope(() => readFloats(ranks.sum(tensor(own, [size, row.length]))));
      return Array.from({ length: size }, (_, of) =>
        values.map((__, at) => {
          const from = of * row.length + at * FLOATS_OF_DOUBLE;
          return all.subarray(from, from + FLOATS_OF_DOUBLE).reduce((sum, part) => sum + part, 0);
        }),
      );
    },
    norm: (images) => synchronisedNorm(ranks, images),
  };
  return ranks;
}

function floatsOf(value: number): number[] {
  let rest = value;
  return Array.from({ length: FLOATS_OF_DOUBLE }, () => {
    const part = Math.fround(rest);
    rest -= part;
    return part;
  });
}
