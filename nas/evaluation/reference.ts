import type { Batch } from '../data/batches.ts';
import type { Subnet } from '../space/space.ts';
import { blockForward, classify, stemForward } from '../supernet/block.ts';
import type { Normalise } from '../supernet/block.ts';
import type { Supernet } from '../supernet/network.ts';
import { add, batchNorm, batchNormWith, scale } from '../supernet/ops.ts';
import { dispose, keep, readFloats, scope, tensor } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';

/**
 * What the fast evaluation must equal: one subnet alone, as the original does it. BN statistics are reset, averaged
 * over the calibration batches (cumulative average, unbiased variance), and then used on the test batches.
 * @returns the logits of each test batch, [images, classes]
 */
export function referenceLogits(
  net: Supernet,
  subnet: Subnet,
  calibration: readonly Batch[],
  test: readonly Batch[],
): Float32Array[] {
  const running = new Map<string, { mean: Tensor; variance: Tensor }>();

  const logitsOf = (batch: Batch, normalise: Normalise): Float32Array =>
    scope(() => {
      let x = stemForward(net, imagesOf(net, batch), subnet.stem, normalise);
      const blocks = net.blocksOf(subnet);
      for (const block of blocks) x = blockForward(net, x, block, normalise);
      const last = blocks.at(-1)!;
      return readFloats(classify(net, x, last.out, last.group));
    });

  for (const [count, batch] of calibration.entries()) {
    logitsOf(batch, (x, { gamma, beta, name }) => {
      const { y, mean, variance } = batchNorm(x, gamma, beta, net.epsilon);
      const before = running.get(name) ?? { mean, variance };
      running.set(name, {
        mean: keep(moved(before.mean, mean, count + 1)),
        variance: keep(moved(before.variance, variance, count + 1)),
      });
      if (count > 0) dispose(before.mean, before.variance);
      return y;
    });
  }
  const logits = test.map((batch) =>
    logitsOf(batch, (x, { gamma, beta, name }) => batchNormWith(x, gamma, beta, running.get(name)!, net.epsilon)),
  );
  for (const { mean, variance } of running.values()) dispose(mean, variance);
  return logits;
}

/** The images of a batch as a tensor [n, resolution, resolution, channels]. */
export function imagesOf({ space }: Supernet, { images, labels }: Batch): Tensor {
  const side = space.resolutions.at(-1)!;
  return tensor(images, [labels.length, side, side, space.channels]);
}

/** average + (value − average) / count */
function moved(average: Tensor, value: Tensor, count: number): Tensor {
  return add(scale(average, 1 - 1 / count), scale(value, 1 / count));
}
