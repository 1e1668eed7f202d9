import type { HeldStage } from '../../artifacts/stage.ts';
import { stepsPerEpoch, trainingBatches } from '../data/batches.ts';
import type { Dataset, Part } from '../data/dataset.ts';
import type { ProcessLine } from '../process/harness.ts';
import type { Phase, Progress } from '../process/protocol.ts';
import type { Ranks } from '../supernet/ranks.ts';
import type { Supernet } from '../supernet/supernet.ts';
import { saveCheckpoint } from './checkpoint.ts';
import type { LoopState, Resumed } from './checkpoint.ts';
import type { SharedTrainingConfig } from './config.ts';
import type { RankLoss } from './rank-loss.ts';
import type { SandwichNet } from './sandwich.ts';
import { learningRate } from './sgd.ts';
import type { Sgd } from './sgd.ts';
import { assertFinite, trainStep } from './step.ts';
import type { Regularisation, StepResult } from './step.ts';

/** One training of one network: what stays the same from epoch to epoch. */
export interface Training {
  readonly stage: HeldStage;
  readonly line: ProcessLine;
  readonly config: SharedTrainingConfig;
  readonly dataset: Dataset;
  readonly part: Part;
  readonly net: Supernet;
  readonly sgd: Sgd;
  readonly seed: number;
  /** This process and those that train along. */
  readonly ranks: Ranks;
  /** The nets of an iteration. */
  readonly netsOf: (iteration: number) => readonly SandwichNet[];
  readonly distill: boolean;
  readonly regularisation: Regularisation;
  readonly rankLoss: RankLoss | null;
  /** Epochs of the stage's trainings before this one, and of all of them: numbers count on through a stage. */
  readonly epochs: { readonly before: number; readonly all: number };
  /** Of the epoch before, reported with the progress; null where there is none. */
  readonly tau: number | null;
  /** What checkpoints hold beside the sums of the epoch. */
  readonly carried: LoopState;
}

/** Reports a phase of the epoch; `counts` replace those of the training step. */
export type Report = (phase: Phase, counts?: Partial<Omit<Progress, 'version' | 'type' | 'phase'>>) => void;

/** An epoch whose steps are done. */
interface TrainedEpoch {
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
 * @throws KnownError NaNLoss naming epoch and step
 */
export async function trainEpoch(
  training: Training,
  epoch: number,
  resumed: Resumed | null,
): Promise<TrainedEpoch | 'stopped'> {
  const { stage, line, config, dataset, part, net, sgd, seed, ranks, tau } = training;
  const number = training.epochs.before + epoch;
  const batchSize = config.batch_size * ranks.size;
  const steps = stepsPerEpoch(part, batchSize, config.drop_last);
  const isBegun = resumed?.at.epoch === number;
  const state = isBegun ? resumed.state : {};
  const sums = new RunningSums(state);
  const pace = new Pace();
  // With other ranks than before, steps have other sizes.
  let step = isBegun ? Math.min(steps, Math.floor((resumed.at.step * resumed.at.images) / batchSize)) : 0;

  const report: Report = (phase, counts = {}) => {
    const place = { epoch: number, epochs: training.epochs.all, step, steps };
    const loss = step > 0 && { loss: sums.loss };
    const figures = { ...loss, stepsPerSecond: pace.stepsPerSecond, ...(tau !== null && { tau }) };
    line.send({ type: 'progress', phase, ...place, ...figures, ...counts });
  };
  const order = { seed, epoch, batchSize, augment: true, from: step, dropLast: config.drop_last, share: ranks };
  report('training');
  for await (const batch of trainingBatches(dataset, part, order)) {
    const iteration = epoch * steps + step;
    const nets = training.netsOf(iteration);
    const result = trainStep(net, sgd, batch, nets, {
      iteration,
      seed,
      rate: learningRate(config, iteration, steps),
      labelSmoothing: config.label_smoothing,
      distill: training.distill,
      regularisation: training.regularisation,
      rankLoss: training.rankLoss && {
        priors: nets.map(({ subnet }) => training.rankLoss!.priorOf(subnet)),
        weight: training.rankLoss.weightAt(iteration / steps),
      },
      ranks,
    });
    assertFinite(result.losses, number, step);
    step++;
    sums.add(result);
    pace.step();
    report('training');
    await line.turn();
    const isDue = (iteration + 1) % config.checkpoint_every_steps === 0 || step === steps;
    // All stop at the same step, though they may not be asked to at the same moment.
    const isStopping = ranks.gather([Number(line.stopRequested())]).some(([isAsked]) => isAsked === 1);
    if (isDue || isStopping) {
      report('saving');
      const position = { epoch: number, step, images: batchSize };
      if (ranks.rank === 0) {
        await pace.saving(() => saveCheckpoint(stage, net, position, { ...training.carried, ...sums.state() }));
      }
      report('training');
    }
    if (isStopping) return 'stopped';
  }
  return { sums, pace, rate: learningRate(config, epoch * steps, steps), report };
}

/** Sums over the steps of an epoch. Checkpoints hold them, so that a resumed epoch has the same means to the bit. */
export class RunningSums {
  #sums = { loss: 0, top1: 0, top5: 0, images: 0 };

  /** @param state of the checkpoint that the epoch goes on from */
  constructor(state: LoopState = {}) {
    for (const key of ['loss', 'top1', 'top5', 'images'] as const) this.#sums[key] = Number(state[key] ?? 0);
  }

  add({ losses, top1, top5, images }: StepResult): void {
    this.#sums.loss += losses[0]! * images;
    this.#sums.top1 += top1;
    this.#sums.top5 += top5;
    this.#sums.images += images;
  }

  /** Mean loss of the first net of each step. */
  get loss(): number {
    return this.#sums.loss / Math.max(1, this.#sums.images);
  }

  /** Shares of the images that the last net of each step had right. */
  get accuracies(): { top1: number; top5: number } {
    const images = Math.max(1, this.#sums.images);
    return { top1: this.#sums.top1 / images, top5: this.#sums.top5 / images };
  }

  state(): LoopState {
    return { ...this.#sums };
  }
}

const WINDOW = 20;

/** How fast an epoch goes, and how much of its time saving takes. No result depends on it. */
class Pace {
  readonly #began = performance.now();
  #saving = 0;
  #steps: number[] = [performance.now()];

  step(): void {
    this.#steps.push(performance.now());
    if (this.#steps.length > WINDOW) this.#steps.shift();
  }

  /** Saves, and measures it. */
  async saving(save: () => Promise<void>): Promise<void> {
    const began = performance.now();
    await save();
    const took = performance.now() - began;
    this.#saving += took;
    // The rate is that of the steps, without the saving between them.
    this.#steps = this.#steps.map((at) => at + took);
  }

  /** Over the last steps. */
  get stepsPerSecond(): number {
    const seconds = (this.#steps.at(-1)! - this.#steps[0]!) / 1000;
    return seconds > 0 ? (this.#steps.length - 1) / seconds : 0;
  }

  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /** For the log. */
  summary(): string {
    const share = (100 * this.#saving) / (performance.now() - this.#began);
    return `${this.seconds.toFixed(1)} s, ${share.toFixed(1)} % of it checkpoints`;
  }
}
