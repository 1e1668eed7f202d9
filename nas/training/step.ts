import { BadInput, KnownError } from '../../plan/endings.ts';
import type { Batch } from '../data/batches.ts';
import { randomOf } from '../space/random.ts';
import type { Dropout } from '../supernet/dropout.ts';
import { sumOverRanks } from '../supernet/gradient-sum.ts';
import { imagesTensor } from '../supernet/images.ts';
import type { Supernet } from '../supernet/supernet.ts';
import { add, oneHot, scale, softmax, softmaxCrossEntropy } from '../supernet/ops.ts';
import { alone } from '../supernet/ranks.ts';
import type { Ranks } from '../supernet/ranks.ts';
import { dispose, readFloats, scope, tensor } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import { trainedPass } from '../supernet/trained-pass.ts';
import type { ForwardOptions, Tape } from '../supernet/trained-pass.ts';
import { rankSlopes } from './rank-loss.ts';
import type { SandwichNet } from './sandwich.ts';
import type { Sgd } from './sgd.ts';
import { Tally } from '../evaluation/score.ts';

/** How the nets of an iteration learn. */
export interface StepOptions {
  /** Iterations before this one, over all epochs: what masks are drawn by, together with the seed. */
  readonly iteration: number;
  readonly seed: number;
  /** Learning rate. */
  readonly rate: number;
  readonly labelSmoothing: number;
  /** Whether the nets after the max net learn its logits, and not the labels. */
  readonly distill: boolean;
  readonly regularisation: Regularisation;
  /** Who trains along, each with a batch of its own; nobody if absent. */
  readonly ranks?: Ranks;
  /** Pairs of nets in the wrong order, by a prior of each net; null for no such loss. */
  readonly rankLoss?: { readonly priors: readonly number[]; readonly weight: number } | null;
}

/** Rates of dropout and drop connect in the max net; the others have none. */
export interface Regularisation {
  readonly dropout: number;
  readonly dropConnect: number;
  /** Whether drop connect is limited to them. */
  readonly onlyLastTwoStages: boolean;
}

/** Figures of an iteration, over the images of all ranks; accuracies are those of its last net, before the update. */
export interface StepResult {
  /** Of each net, in order. */
  readonly losses: number[];
  readonly top1: number;
  readonly top5: number;
  readonly images: number;
}

/**
 * One iteration: every net forward and backward on the same images, gradients summed, one update. With several ranks it is the
 * iteration of one process on the images of all of them, one rank's behind the other's; each comes to the same weights.
 * Losses and logits are read at the end, so that nothing waits for them in between.
 */
export function trainStep(
  net: Supernet,
  sgd: Sgd,
  batch: Batch,
  nets: readonly SandwichNet[],
  options: StepOptions,
): StepResult {
  const { ranks = alone } = options;
  const shares = ranks.gather([batch.labels.length]).map(([count]) => count!);
  refuseEmpty(shares);
  const all = sumOf(shares);
  const samples = { before: sumOf(shares.slice(0, ranks.rank)), all };
  const norm = ranks.norm(shares);
  return scope(() => {
    const images = imagesTensor(net.space, batch.images); // [n, h, w, c]
    let targets = smoothedTargets(batch.labels, net.classes, options.labelSmoothing); // [n, classes]
    const labels = options.rankLoss ? smoothedTargets(batch.labels, net.classes, 0) : null; // [n, classes]
    const losses: Tensor[] = []; // [n] of each net
    const waiting: WaitingNet[] = [];
    let logits: Tensor | undefined;
    for (const { role, subnet, resolution } of nets) {
      const masks = role === 'max' ? masksOf(options, samples) : {};
      const pass = trainedPass(net, images, subnet, { resolution, norm, ...masks });
      logits = pass.logits; // [n, classes]
      const { losses: each, gradient } = crossEntropy(logits, targets, all);
      // The rank loss takes all nets at once, so with it their passes wait for each other in memory.
      if (labels) waiting.push({ tape: pass.tape, gradient, hard: crossEntropy(logits, labels, all) });
      else pass.tape.backward(gradient);
      losses.push(each);
      if (role === 'max' && options.distill) targets = softmax(logits);
    }
    if (options.rankLoss) backwardRanked(waiting, options.rankLoss, ranks);
    if (ranks.size > 1)
      sumOverRanks(
        [...net.parameters].map(({ gradient }) => gradient),
        ranks,
      );
    sgd.step(options.rate);
    const { top1, top5 } = scoreOf(readFloats(logits!), batch.labels);
    const figures = sumsOver(ranks, [...losses.map((each) => sumOf(readFloats(each))), top1, top5]);
    return {
      losses: figures.slice(0, nets.length).map((loss) => loss / all),
      top1: figures.at(-2)!,
      top5: figures.at(-1)!,
      images: all,
    };
  });
}

/** A net whose backward pass is still to come. */
interface WaitingNet {
  readonly tape: Tape;
  /** Of its own loss, [n, classes]. */
  readonly gradient: Tensor;
  /** Its cross-entropy against the labels alone. */
  readonly hard: { readonly losses: Tensor; readonly gradient: Tensor };
}

/** The backward passes of nets that learn their own loss and their order, which is that of the images of all ranks. */
function backwardRanked(
  nets: readonly WaitingNet[],
  { priors, weight }: NonNullable<StepOptions['rankLoss']>,
  ranks: Ranks,
): void {
  const own = nets.map(({ hard }) => sumOf(readFloats(hard.losses)));
  const slopes = rankSlopes(sumsOver(ranks, own), priors);
  for (const [index, { tape, gradient, hard }] of nets.entries()) {
    const factor = weight * slopes[index]!;
    tape.backward(factor === 0 ? gradient : add(gradient, scale(hard.gradient, factor)));
  }
}

function masksOf({ seed, iteration, regularisation }: StepOptions, samples: Dropout['samples'] & {}): ForwardOptions {
  const { dropout, dropConnect, onlyLastTwoStages } = regularisation;
  const draw = (purpose: string) => ({ random: randomOf(seed, purpose, iteration), samples });
  return {
    ...(dropout > 0 && { dropout: { rate: dropout, ...draw('dropout') } }),
    ...(dropConnect > 0 && { dropConnect: { rate: dropConnect, onlyLastTwoStages, ...draw('drop connect') } }),
  };
}

function refuseEmpty(shares: readonly number[]): void {
  const rank = shares.indexOf(0);
  if (rank < 0) return;
  throw new BadInput(
    `batch: expected images for each of ${shares.length} ranks, got none for rank ${rank}; see how many images of the data set are broken, or set fewer ranks`,
  );
}

/** Throws NaNLoss where a loss is not finite: another attempt would only give it again. */
export function assertFinite(losses: readonly number[], epoch: number, step: number): void {
  const at = losses.findIndex((loss) => !Number.isFinite(loss));
  if (at < 0) return;
  throw new KnownError(
    'NaNLoss',
    `epoch ${epoch}, step ${step}: expected a finite loss of net ${at + 1} of ${losses.length}, got ${losses[at]}; ` +
      'try a smaller lr_scheduler.base_lr, a longer warmup_epochs, a smaller grad_clip_value, or precision float32',
  );
}

function scoreOf(logits: Float32Array, labels: Int32Array): { top1: number; top5: number } {
  const tally = new Tally();
  tally.add(logits, labels);
  return tally.score();
}

/** Each figure summed over the ranks. */
function sumsOver(ranks: Ranks, own: readonly number[]): number[] {
  const [first, ...others] = ranks.gather(own);
  return first!.map((figure, at) => others.reduce((sum, other) => sum + other[at]!, figure));
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/**
 * Target probabilities of hard labels: 1 - smoothing on the label, plus smoothing spread evenly over all classes.
 * @returns [n, classes]
 */
export function smoothedTargets(labels: Int32Array, classes: number, smoothing: number): Tensor {
  const given = tensor(labels, [labels.length]);
  const rest = smoothing / classes;
  const targets = oneHot(given, classes, 1 - smoothing + rest, rest);
  dispose(given);
  return targets;
}

/**
 * Cross-entropy against target probabilities, both [n, classes]. With `smoothedTargets` it is the label-smoothed loss,
 * with `softmax(teacher)` in-place distillation: targets are values, nothing flows back into them.
 * @param all samples that the mean is over, where these are some of them
 * @returns the loss of each sample [n], and d(their mean)/dlogits [n, classes]
 */
export function crossEntropy(
  logits: Tensor,
  targets: Tensor,
  all = logits.shape[0]!,
): { losses: Tensor; gradient: Tensor } {
  const each = softmaxCrossEntropy(logits, targets);
  const gradient = scale(each.gradient, 1 / all);
  dispose(each.gradient);
  return { losses: each.loss, gradient };
}
