import { oneHot, scale, softmaxCrossEntropy } from '../supernet/ops.ts';
import { dispose, tensor } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';

/**
 * What hard labels ask for: 1 - smoothing on the label, plus smoothing spread evenly over all classes.
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
