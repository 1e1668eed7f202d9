import { KnownError } from '../../plan/endings.ts';
import type { Batch } from '../data/batches.ts';
import { Tally } from '../evaluation/evaluate.ts';
import { randomOf } from '../space/random.ts';
import type { Random } from '../space/random.ts';
import { imagesTensor } from '../supernet/images.ts';
import type { Supernet } from '../supernet/supernet.ts';
import { oneHot, scale, softmax, softmaxCrossEntropy } from '../supernet/ops.ts';
import { dispose, readFloats, scope, tensor } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import { trainedPass } from '../supernet/trained-pass.ts';
import type { ForwardOptions } from '../supernet/trained-pass.ts';
import type { SandwichNet } from './sandwich.ts';
import type { Sgd } from './sgd.ts';

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
}

/** Rates of dropout and drop connect in the max net; the others have none. */
export interface Regularisation {
  readonly dropout: number;
  readonly dropConnect: number;
  /** Whether drop connect is limited to them. */
  readonly onlyLastTwoStages: boolean;
}

/** Figures of an iteration; accuracies are those of its last net, before the update. */
export interface StepResult {
  /** Of each net, in order. */
  readonly losses: number[];
  readonly top1: number;
  readonly top5: number;
}

/**
 * One iteration: every net forward and backward on the same images, gradients summed, one update.
 * Losses and logits are read at the end, so that nothing waits for them in between.
 */
export function trainStep(
  net: Supernet,
  sgd: Sgd,
  batch: Batch,
  nets: readonly SandwichNet[],
  options: StepOptions,
): StepResult {
  return scope(() => {
    const images = imagesTensor(net.space, batch.images); // [n, h, w, c]
    let targets = smoothedTargets(batch.labels, net.classes, options.labelSmoothing); // [n, classes]
    const losses: Tensor[] = []; // [n] of each net
    let logits: Tensor | undefined;
    for (const { role, subnet, resolution } of nets) {
      const pass = trainedPass(net, images, subnet, { resolution, ...(role === 'max' && regularised(options)) });
      logits = pass.logits; // [n, classes]
      const { losses: each, gradient } = crossEntropy(logits, targets);
      pass.tape.backward(gradient);
      losses.push(each);
      if (role === 'max' && options.distill) targets = softmax(logits);
    }
    sgd.step(options.rate);
    return {
      losses: losses.map((each) => mean(readFloats(each))),
      ...scoreOf(readFloats(logits!), batch.labels),
    };
  });
}

function regularised({ seed, iteration, regularisation }: StepOptions): ForwardOptions {
  const { dropout, dropConnect, onlyLastTwoStages } = regularisation;
  const random = (purpose: string): Random => randomOf(seed, purpose, iteration);
  return {
    ...(dropout > 0 && { dropout: { rate: dropout, random: random('dropout') } }),
    ...(dropConnect > 0 && { dropConnect: { rate: dropConnect, onlyLastTwoStages, random: random('drop connect') } }),
  };
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

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
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
 * @returns the loss of each sample [n], and d(their mean)/dlogits [n, classes]
 */
export function crossEntropy(logits: Tensor, targets: Tensor): { losses: Tensor; gradient: Tensor } {
  const each = softmaxCrossEntropy(logits, targets);
  const gradient = scale(each.gradient, 1 / logits.shape[0]!);
  dispose(each.gradient);
  return { losses: each.loss, gradient };
}
