import type { Batch } from '../../nas/data/batches.ts';
import { pass } from '../../nas/space/network.ts';
import type { Classifier, ConvNorm } from '../../nas/space/network.ts';
import type { Subnet } from '../../nas/space/space.ts';
import { imagesTensor } from '../../nas/supernet/images.ts';
import { batchNorm, batchNormWith } from '../../nas/supernet/batch-norm.ts';
import { add, cast, scale } from '../../nas/supernet/ops.ts';
import { plainSteps } from '../../nas/supernet/plain-pass.ts';
import type { Normalise } from '../../nas/supernet/plain-pass.ts';
import type { Supernet } from '../../nas/supernet/supernet.ts';
import { dispose, keep, readFloats, scope } from '../../nas/supernet/tensorflow.ts';
import type { Tensor } from '../../nas/supernet/tensorflow.ts';

/**
 * What every fast evaluation must equal: one subnet alone, layer after layer, as the original does it. BN statistics are averaged
 * over the calibration batches (cumulative average, unbiased variance), and then used on the test batches.
 * @returns the logits of each test batch, [images, classes]
 */
export function referenceLogits(
  net: Supernet,
  subnet: Subnet,
  calibration: readonly Batch[],
  test: readonly Batch[],
): Float32Array[] {
  return scope(() => {
    const imagesOf = ({ images }: Batch): Tensor => imagesTensor(net.space, images);
    return calibratedLogits(net, subnet, calibration.map(imagesOf), test.map(imagesOf));
  });
}

/** As `referenceLogits`, for images [n, h, w, channels] of any size. */
export function calibratedLogits(
  net: Supernet,
  subnet: Subnet,
  calibration: readonly Tensor[],
  test: readonly Tensor[],
): Float32Array[] {
  const network = net.networkOf(subnet);
  const averages = new Map<string, { mean: Tensor; variance: Tensor }>();
  const affineOf = (layer: ConvNorm): [gamma: Tensor, beta: Tensor] => {
    const { gamma, beta } = net.convNorm(layer);
    return [gamma.slices.exact(layer.out), beta.slices.exact(layer.out)];
  };
  const weights = {
    kernel: (layer: ConvNorm) => net.convNorm(layer).weight.slices.exact(layer.out, layer.in),
    classifier: (layer: Classifier) => {
      const { weight, bias } = net.classifier(layer);
      return { weight: weight.slices.exact(layer.out, layer.in), bias: bias.value() };
    },
  };
  const logitsOf = (images: Tensor, normalise: Normalise): Float32Array =>
    scope(() => {
      const input = net.precision === 'bf16' ? cast(images, 'bfloat16') : images;
      return readFloats(pass(network, plainSteps(weights, normalise), input));
    });

  for (const [count, images] of calibration.entries()) {
    logitsOf(images, (x, layer) => {
      const { y, mean, variance } = batchNorm(x, ...affineOf(layer), net.epsilon);
      const before = averages.get(nameOf(layer)) ?? { mean, variance };
      averages.set(nameOf(layer), {
        mean: keep(moved(before.mean, mean, count + 1)),
        variance: keep(moved(before.variance, variance, count + 1)),
      });
      if (count > 0) dispose(before.mean, before.variance);
      return y;
    });
  }
  const logits = test.map((images) =>
    logitsOf(images, (x, layer) => {
      return batchNormWith(x, ...affineOf(layer), averages.get(nameOf(layer))!, net.epsilon);
    }),
  );
  for (const { mean, variance } of averages.values()) dispose(mean, variance);
  return logits;
}

function nameOf({ role, stage, block }: ConvNorm): string {
  return `${role} ${stage} ${block}`;
}

/** average + (value − average) / count */
function moved(average: Tensor, value: Tensor, count: number): Tensor {
  return add(scale(average, 1 - 1 / count), scale(value, 1 / count));
}
