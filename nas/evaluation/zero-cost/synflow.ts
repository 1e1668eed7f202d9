import { kernelOf, linearOf } from './measures.ts';
import { pass } from '../../space/network.ts';
import type { Steps } from '../../space/network.ts';
import type { Subnet } from '../../space/space.ts';
import { conv2d } from '../../supernet/convolution.ts';
import { absolute, add, matmul, scale } from '../../supernet/ops.ts';
import { maxPool, meanPool } from '../../supernet/pooling.ts';
import type { Supernet } from '../../supernet/supernet.ts';
import { readFloats, scope, tensor } from '../../supernet/tensorflow.ts';
import type { Tensor } from '../../supernet/tensorflow.ts';

/**
 * What flows through a network whose weights are all positive: a value, and how fast it grows where all weights grow by the same
 * share. Both times e^log: in a deep, wide network they leave what float32 can hold.
 */
interface Flow {
  readonly value: Tensor;
  readonly growth: Tensor;
  readonly log: number;
}

/**
 * The logarithm of SynFlow (Tanaka et al. 2020, arXiv 2006.05467; a score of architectures since Abdelfattah et al. 2021, arXiv
 * 2101.08134): Σ θ·∂R/∂θ over the weights θ of convolutions and of the linear layer, where R is the sum of the logits for an image
 * of ones, all weights are replaced by their magnitudes, and normalisation is left out. That sum is the growth of R
 * where all those weights grow by the same share, so one forward pass of values and growths gives it.
 */
export function logSynflow(net: Supernet, subnet: Subnet): number {
  return scope(() => {
    const { channels, resolutions } = net.space;
    const side = resolutions.at(-1)!;
    const ones = new Float32Array(side * side * channels);
    const shape = [1, side, side, channels];
    const image = { value: tensor(ones.fill(1), shape), growth: tensor(new Float32Array(ones.length), shape), log: 0 };
    const { growth, log } = pass(net.networkOf(subnet), stepsOf(net), image);
    return log + Math.log(readFloats(growth).reduce((sum, value) => sum + value, 0));
  });
}

function stepsOf(net: Supernet): Steps<Flow> {
  /** A linear map by positive weights: what grows is what came in, and the weights. */
  const mapped = ({ value, growth, log }: Flow, map: (x: Tensor) => Tensor): Flow =>
    scaled({ value: map(value), growth: map(add(growth, value)), log });
  return {
    convNorm: (x, layer) => mapped(x, (y) => conv2d(y, absolute(kernelOf(net, layer)), layer.stride)),
    // Nothing is negative.
    activate: (x) => x,
    // Behind the stem growth and value are the same.
    maxPool: ({ value, growth, log }) => ({ value: maxPool(value), growth: maxPool(growth), log }),
    add(a, b) {
      const log = Math.max(a.log, b.log);
      const sum = (of: 'value' | 'growth'): Tensor =>
        add(scale(a[of], Math.exp(a.log - log)), scale(b[of], Math.exp(b.log - log)));
      return { value: sum('value'), growth: sum('growth'), log };
    },
    classify: (x, layer) => mapped(x, (y) => matmul(meanPool(y), absolute(linearOf(net, layer).weight))),
    // The scope frees everything.
    done: () => {},
  };
}

/** The same with 1 as the largest growth. */
function scaled({ value, growth, log }: Flow): Flow {
  const most = readFloats(growth).reduce((largest, one) => Math.max(largest, one), 0);
  return { value: scale(value, 1 / most), growth: scale(growth, 1 / most), log: log + Math.log(most) };
}
