import { blockForward, classify, stemForward } from '../../nas/supernet/block.ts';
import type { Normalise } from '../../nas/supernet/block.ts';
import type { Supernet } from '../../nas/supernet/network.ts';
import { batchNorm, batchNormWith } from '../../nas/supernet/ops.ts';
import { dispose, readFloats, scope, tensor } from '../../nas/supernet/tensorflow.ts';
import type { Tensor } from '../../nas/supernet/tensorflow.ts';
import type { Subnet } from '../../nas/space/space.ts';

/** The plainest evaluation there is: statistics averaged over the calibration batches, then the images in evaluation mode. */
export function calibratedLogits(
  net: Supernet,
  subnet: Subnet,
  calibration: readonly Tensor[],
  images: Tensor,
): Float32Array {
  const averages = new Map<string, { mean: Float32Array; variance: Float32Array; batches: number }>();
  const calibrate: Normalise = (x, { gamma, beta, name }) => {
    const { y, mean, variance, state } = batchNorm(x, gamma, beta, net.epsilon);
    const width = x.shape[3]!;
    const zero = { mean: new Float32Array(width), variance: new Float32Array(width), batches: 0 };
    const average = averages.get(name) ?? zero;
    averages.set(name, average);
    average.batches++;
    for (const [sum, batch] of [
      [average.mean, readFloats(mean)],
      [average.variance, readFloats(variance)],
    ] as const) {
      for (let c = 0; c < width; c++) sum[c]! += (batch[c]! - sum[c]!) / average.batches;
    }
    dispose(mean, variance, ...state);
    return y;
  };
  const normalise: Normalise = (x, { gamma, beta, name }) => {
    const { mean, variance } = averages.get(name)!;
    const statistics = { mean: tensor(mean, [mean.length]), variance: tensor(variance, [mean.length]) };
    return batchNormWith(x, gamma, beta, statistics, net.epsilon);
  };
  for (const batch of calibration) scope(() => void logitsOf(net, batch, subnet, calibrate));
  return scope(() => readFloats(logitsOf(net, images, subnet, normalise)));
}

function logitsOf(net: Supernet, images: Tensor, subnet: Subnet, normalise: Normalise): Tensor {
  const blocks = net.blocksOf(subnet);
  const stem = stemForward(net, images, subnet.stem, normalise);
  const features = blocks.reduce((x, at) => blockForward(net, x, at, normalise), stem);
  const last = blocks.at(-1)!;
  return classify(net, features, last.out, last.group);
}
