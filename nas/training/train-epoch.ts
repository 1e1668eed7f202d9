import { stepsPerEpoch, trainingBatches } from '../data/batches.ts';
import type { Dataset, Part } from '../data/dataset.ts';
import type { ProcessLine } from '../process/harness.ts';
import type { Job, Phase, Progress } from '../process/protocol.ts';
import type { Supernet } from '../supernet/network.ts';
import { saveCheckpoint } from './checkpoint.ts';
import type { LoopState, Resumed } from './checkpoint.ts';
import type { SharedTrainingConfig } from './config.ts';
import { Pace, RunningSums } from './running.ts';
import type { SandwichNet } from './sandwich.ts';
import { learningRate } from './schedule.ts';
import type { Sgd } from './sgd.ts';
import { assertFinite, trainStep } from './step.ts';
import type { Regularisation } from './step.ts';

/** One training of one network: what stays the same from epoch to epoch. */
export interface Training {
  readonly job: Job;
  readonly line: ProcessLine;
  readonly config: SharedTrainingConfig;
  readonly dataset: Dataset;
  readonly part: Part;
  readonly net: Supernet;
  readonly sgd: Sgd;
  readonly seed: number;
  /** The nets of an iteration. */
  readonly netsOf: (iteration: number) => readonly SandwichNet[];
  readonly distill: boolean;
  readonly regularisation: Regularisation;
  /** Where a stage of several trainings counts on: the number of this one's first epoch, and of all epochs. */
  readonly epochs: { readonly before: number; readonly all: number };
  /** Of the epoch before, told along with progress; null where there is none. */
  readonly tau: number | null;
  /** What checkpoints carry along beside the sums of the epoch. */
  readonly carried: LoopState;
}

/** Says where the epoch stands; `counts` take the place of the training step's. */
export type Report = (phase: Phase, counts?: Partial<Omit<Progress, 'version' | 'type' | 'phase'>>) => void;

/** An epoch under way: its sums, its pace, and its voice. */
export interface EpochRun {
  readonly sums: RunningSums;
  readonly pace: Pace;
  /** Learning rate of its first iteration, the one that the original plots. */
  readonly rate: number;
  readonly report: Report;
}

/**
 * Trains one epoch, or the rest of one that was interrupted. Whatever is drawn at random is a pure function of (seed,
 * purpose, iteration) and the rest of the state is in the checkpoint, so the rest of an epoch has the same bits as if
 * nothing had happened. Writes a checkpoint every checkpoint_every_steps, at the end, and when it is asked to stop.
 * @param epoch of this training, from 0
 * @throws TrainerError NaNLoss naming epoch and step
 */
export async function trainEpoch(
  training: Training,
  epoch: number,
  resumed: Resumed | null,
): Promise<EpochRun | 'stopped'> {
  const { job, line, config, dataset, part, net, sgd, seed, tau } = training;
  const number = training.epochs.before + epoch;
  const steps = stepsPerEpoch(part, config.batch_size, config.drop_last);
  const { at, state } = resumed?.at.epoch === number ? resumed : { at: { step: 0 }, state: {} };
  const sums = new RunningSums(state);
  const pace = new Pace();
  let step = at.step;

  const report: Report = (phase, counts = {}) => {
    const place = { epoch: number, epochs: training.epochs.all, step, steps };
    const loss = step > 0 && { loss: sums.loss };
    const figures = { ...loss, stepsPerSecond: pace.stepsPerSecond, ...(tau !== null && { tau }) };
    line.send({ type: 'progress', phase, ...place, ...figures, ...counts });
  };
  const rateOf = (iteration: number): number =>
    learningRate(config.lr_scheduler, iteration, config.epochs * steps, config.warmup_epochs * steps);

  const order = { seed, epoch, batchSize: config.batch_size, augment: true, from: step, dropLast: config.drop_last };
  report('training');
  for await (const batch of trainingBatches(dataset, part, order)) {
    const iteration = epoch * steps + step;
    const result = trainStep(net, sgd, batch, training.netsOf(iteration), {
      iteration,
      seed,
      rate: rateOf(iteration),
      labelSmoothing: config.label_smoothing,
      distill: training.distill,
      regularisation: training.regularisation,
    });
    assertFinite(result.losses, number, step);
    step++;
    sums.add(result, batch.labels.length);
    pace.step();
    report('training');
    await line.turn();
    const isDue = (iteration + 1) % config.checkpoint_every_steps === 0 || step === steps;
    if (isDue || line.stopRequested()) {
      report('saving');
      const position = { epoch: number, step };
      await pace.saving(() => saveCheckpoint(job, net, position, { ...training.carried, ...sums.state() }));
      report('training');
    }
    if (line.stopRequested()) return 'stopped';
  }
  return { sums, pace, rate: rateOf(epoch * steps), report };
}
