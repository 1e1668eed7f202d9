import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Batch } from '../data/batches.ts';
import type { Subnet } from '../space/space.ts';
import type { Supernet } from '../supernet/network.ts';
import { dispose } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import { imagesOf } from './reference.ts';
import { Tally } from './score.ts';
import type { Score } from './score.ts';
import { TreeWalk } from './tree-walk.ts';

/** Batches to go through once. */
export type Batches = Iterable<Batch> | AsyncIterable<Batch>;

export interface Evaluation {
  /** Images that BN statistics are averaged over: the same batches for every subnet. */
  readonly calibration: Batches;
  readonly test: Batches;
  /** How far it is: `batch` of the phase (from 0) and the share of that batch, 0..1. */
  readonly onProgress?: (progress: { phase: 'calibrating' | 'evaluating'; batch: number; share: number }) => void;
  /** Asked several times a second; true ends the evaluation with 'stopped'. */
  readonly shouldStop?: () => boolean;
}

// TensorFlow blocks the event loop: signals and messages wait this long at most, but for one branch.
const TURN_EVERY_MS = 50;

/**
 * Calibrates and tests subnets, all at once by the prefix tree they make; scores in the order of `subnets`. They do
 * not depend on which other subnets are evaluated along, but for the rounding of float32.
 * @throws RangeError where there is no batch to calibrate or to test on
 */
export async function evaluateSubnets(
  net: Supernet,
  subnets: readonly Subnet[],
  { calibration, test, onProgress, shouldStop }: Evaluation,
): Promise<Score[] | 'stopped'> {
  const tallies = subnets.map(() => new Tally());
  const walk = new TreeWalk(net, subnets);

  const pass = async (
    phase: 'calibrating' | 'evaluating',
    batches: Batches,
    walkBatch: (images: Tensor, batch: Batch) => Iterable<void>,
  ): Promise<boolean> => {
    let count = 0;
    onProgress?.({ phase, batch: 0, share: 0 });
    for await (const batch of batches) {
      const images = imagesOf(net, batch);
      let step = 0;
      let turned = performance.now();
      try {
        for (const _ of walkBatch(images, batch)) {
          step++;
          if (performance.now() - turned < TURN_EVERY_MS) continue;
          onProgress?.({ phase, batch: count, share: step / walk.steps });
          await nextTurn();
          if (shouldStop?.()) return false;
          turned = performance.now();
        }
      } finally {
        dispose(images);
      }
      count++;
    }
    if (count === 0) throw new RangeError(`evaluation: expected batches for ${phase}, got none`);
    return true;
  };

  try {
    if (!(await pass('calibrating', calibration, (images) => walk.calibrate(images)))) return 'stopped';
    walk.settle();
    const tested = await pass('evaluating', test, (images, { labels }) =>
      walk.test(images, (sharing, logits) => sharing.forEach((subnet) => tallies[subnet]!.add(logits, labels))),
    );
    return tested ? tallies.map((tally) => tally.score()) : 'stopped';
  } finally {
    walk.dispose();
  }
}
