import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { BadInput } from '../../../plan/endings.ts';
import { pass } from '../../space/network.ts';
import type { Classifier, ConvNorm } from '../../space/network.ts';
import type { Subnet } from '../../space/space.ts';
import { batchNorm } from '../../supernet/batch-norm.ts';
import { matmul, oneHot, relu, reshape, scale, sign, softmaxCrossEntropy } from '../../supernet/ops.ts';
import { plainSteps } from '../../supernet/plain-pass.ts';
import type { Supernet } from '../../supernet/supernet.ts';
import { readFloats, scope, tensor } from '../../supernet/tensorflow.ts';
import type { Tensor } from '../../supernet/tensorflow.ts';
import { trainedPass } from '../../supernet/trained-pass.ts';

// Scores of a network before any training, measured on one batch of images [n, h, w, channels]: higher is said to be better.

/**
 * Gradient norm (Abdelfattah et al. 2021, arXiv 2101.08134, section 3): the Euclidean norm of the cross-entropy's gradient, summed
 * over the weights of convolutions and of the linear layer.
 */
export function gradientNorm(net: Supernet, subnet: Subnet, images: Tensor, labels: Int32Array): number {
  return scope(() => {
    const { logits, tape } = trainedPass(net, images, subnet); // [n, classes]
    const targets = oneHot(tensor(labels, [labels.length]), net.classes);
    tape.backward(scale(softmaxCrossEntropy(logits, targets).gradient, 1 / labels.length));
    let norms = 0;
    for (const { kind, gradient } of net.parameters) {
      const total = kind === 'conv' || kind === 'linear' ? gradient.total() : undefined;
      if (total) norms += Math.sqrt(readFloats(total).reduce((sum, value) => sum + value ** 2, 0));
    }
    net.parameters.zeroGradients();
    return norms;
  });
}

/**
 * NASWOT (Mellor et al. 2021, arXiv 2006.04647): log |det K|, where K has, for each two images, the number of units that are on for
 * both or off for both. Units are the elements behind the stem, inside blocks and behind them, by the sign of what enters the
 * activation there.
 * @throws BadInput where two images have the same units on, for then K has no inverse
 */
export function naswot(net: Supernet, subnet: Subnet, images: Tensor): number {
  const n = images.shape[0]!;
  const alike = Matrix.zeros(n, n);
  scope(() => {
    const norm = (x: Tensor, layer: ConvNorm): Tensor => {
      const { gamma, beta } = net.convNorm(layer);
      return batchNorm(x, gamma.slices.exact(layer.out), beta.slices.exact(layer.out), net.epsilon).y;
    };
    const steps = plainSteps(
      { kernel: (layer) => kernelOf(net, layer), classifier: (layer) => linearOf(net, layer) },
      norm,
    );
    let width = 0;
    const noting: typeof steps = {
      ...steps,
      convNorm(x, layer) {
        width = layer.out;
        return steps.convNorm(x, layer);
      },
      activate(x, activation) {
        addAlike(alike, x, width);
        return steps.activate(x, activation);
      },
    };
    pass(net.networkOf(subnet), noting, images);
  });
  const factors = new CholeskyDecomposition(alike);
  if (factors.isPositiveDefinite()) {
    return 2 * factors.lowerTriangularMatrix.diagonal().reduce((sum, value) => sum + Math.log(value), 0);
  }
  throw new BadInput(`NASWOT: expected ${n} images with different units on, got two alike; lower with.batch_size`);
}

/** Adds, for each two images, in how many elements of x [n, h, w, lanes(width)] they have the same sign. */
function addAlike(alike: Matrix, x: Tensor, width: number): void {
  const [n, height, ...rest] = x.shape;
  const size = rest.reduce((product, extent) => product * extent, height!);
  const on = reshape(sign(relu(x)), [n!, size]); // 0 in the lanes behind the width
  const both = readFloats(matmul(on, on, false, true)); // [n, n]
  const units = height! * rest[0]! * width;
  const of = (a: number, b: number): number => both[a * n! + b]!;
  for (let a = 0; a < n!; a++) {
    for (let b = 0; b < n!; b++) alike.set(a, b, alike.get(a, b) + units - of(a, a) - of(b, b) + 2 * of(a, b));
  }
}

/** [k, k, in, out] */
export function kernelOf(net: Supernet, layer: ConvNorm): Tensor {
  return net.convNorm(layer).weight.slices.exact(layer.out, layer.in);
}

/** weight [in, classes], bias [classes] */
export function linearOf(net: Supernet, layer: Classifier): { readonly weight: Tensor; readonly bias: Tensor } {
  const { weight, bias } = net.classifier(layer);
  return { weight: weight.slices.exact(layer.out, layer.in), bias: bias.value() };
}
