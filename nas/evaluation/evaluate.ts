import { setImmediate as nextTurn } from 'node:timers/promises';
import { TreeWalk } from './walk/tree-walk.ts';
import type { PartName } from '../../configs/dataset-schema.ts';
import { plainBatches } from '../data/batches.ts';
import type { Batch } from '../data/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Subnet } from '../space/space.ts';
import { imagesTensor } from '../supernet/images.ts';
import type { Supernet } from '../supernet/supernet.ts';
import { dispose } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import { BadInput } from '../../plan/endings.ts';
import type { Score } from './score.ts';
import { Tally } from './score.ts';

/** Batches to go through once. */
export type Batches = Iterable<Batch> | AsyncIterable<Batch>;

interface Evaluation {
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
 * @throws BadInput where there is no batch to calibrate or to test on
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
      const images = imagesTensor(net.space, batch.images);
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
    if (count === 0) throw new BadInput(`evaluation: expected batches for ${phase}, got none`);
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

/** What subnets are tested on: parts of a data set, in batches. */
export interface TestImages {
  readonly calibration: { readonly part: PartName; readonly batches: number; readonly batch_size: number };
  readonly test: {
    readonly part: PartName;
    readonly batch_size: number;
    /** Of the images, ascending; all of the part where absent. */
    readonly positions?: Int32Array | undefined;
  };
}

/** Where a test reports its progress, and what ends it early. */
export interface TestWatch {
  readonly onProgress: (progress: TestProgress) => void;
  readonly shouldStop: () => boolean;
}

/** Batches that are done and all there are, of a phase and of the whole test; `share` of the batch at hand, 0..1. */
interface TestProgress {
  readonly phase: 'calibrating' | 'evaluating';
  readonly share: number;
  readonly ofPhase: { readonly step: number; readonly steps: number };
  readonly ofTest: { readonly step: number; readonly steps: number };
}

/** Scores of subnets as the weights stand: BN statistics from one part of a data set, accuracies on another. */
export async function testSubnets(
  net: Supernet,
  subnets: readonly Subnet[],
  dataset: Dataset,
  { calibration, test }: TestImages,
  { onProgress, shouldStop }: TestWatch,
): Promise<Score[] | 'stopped'> {
  const [calibrated, tested] = [dataset.part(calibration.part), dataset.part(test.part)];
  const { batch_size: batchSize, positions } = test;
  const evaluating = Math.ceil((positions?.length ?? tested.size) / batchSize);
  const batches = { calibrating: calibration.batches, evaluating };
  return await evaluateSubnets(net, subnets, {
    calibration: plainBatches(dataset, calibrated, {
      batchSize: calibration.batch_size,
      limit: calibration.batches * calibration.batch_size,
    }),
    test: plainBatches(dataset, tested, { batchSize, positions }),
    onProgress: ({ phase, batch, share }) => {
      const before = phase === 'calibrating' ? 0 : batches.calibrating;
      const ofTest = { step: before + batch, steps: batches.calibrating + batches.evaluating };
      onProgress({ phase, share, ofPhase: { step: batch, steps: batches[phase] }, ofTest });
    },
    shouldStop,
  });
}
