import { expect, test } from 'vitest';
import { randomOf } from '../../nas/space/random.ts';
import { activations } from '../../nas/supernet/activations.ts';
import { batchNorm, batchNormGradient, batchNormWith } from '../../nas/supernet/batch-norm.ts';
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from '../../nas/supernet/convolution.ts';
import { cast } from '../../nas/supernet/ops.ts';
import { bordered, maxPool, maxPoolForward, maxPoolGradient } from '../../nas/supernet/pooling.ts';
import { liveTensors, readFloats, scope, tensor } from '../../nas/supernet/tensorflow.ts';
import type { Tensor } from '../../nas/supernet/tensorflow.ts';

// Whether a processor has these operations in bfloat16 or not, each gives what float32 gives, rounded.

function rough(x: Tensor): Tensor {
  return cast(x, 'bfloat16');
}

/** Numbers that bfloat16 holds exactly, so that both precisions compute with the same. */
function exact(shape: readonly number[], least = -1, seed = 7): Tensor {
  const random = randomOf(seed, shape.join());
  const size = shape.reduce((product, extent) => product * extent, 1);
  return tensor(
    Float32Array.from({ length: size }, () => least + ((1 - least) * random.integer(128)) / 128),
    shape,
  );
}

const [n, size, input, out] = [4, 12, 16, 32];
const operations: Record<string, (typed: (x: Tensor) => Tensor) => Tensor> = {
  convolution: (typed) => conv2d(typed(exact([n, size, size, input])), typed(exact([3, 3, input, out])), 1),
  'a smooth activation': (typed) => activations.mish.forward(typed(exact([n, size, size, input]))),
  "a smooth activation's gradient": (typed) =>
    activations.mish.backward(typed(exact([n, size, size, input])), typed(exact([n, size, size, input], -1, 8))),
  "a weight's gradient": (typed) =>
    conv2dWeightGradient(
      typed(exact([n, size, size, input])),
      [3, 3, input, out],
      typed(exact([n, size, size, out])),
      1,
    ),
  "a weight's gradient under a stride": (typed) =>
    conv2dWeightGradient(typed(exact([n, size, size, input])), [3, 3, input, out], typed(exact([n, 6, 6, out])), 2),
  "an input's gradient": (typed) =>
    conv2dInputGradient(
      [n, size, size, input],
      typed(exact([3, 3, input, out])),
      typed(exact([n, size, size, out])),
      1,
    ),
  "an input's gradient under a stride": (typed) =>
    conv2dInputGradient([n, size, size, input], typed(exact([3, 3, input, out])), typed(exact([n, 6, 6, out])), 2),
  'batch normalisation': (typed) => batchNorm(typed(exact([n, size, size, out])), exact([out]), exact([out]), 1e-5).y,
  'batch normalisation with its ReLU': (typed) =>
    batchNorm(typed(exact([n, size, size, out])), exact([out]), exact([out]), 1e-5, true).y,
  'given statistics with a ReLU': (typed) => {
    const statistics = { mean: exact([out]), variance: exact([out], 0.5) };
    return batchNormWith(typed(exact([n, size, size, out])), exact([out]), exact([out]), statistics, 1e-5, true);
  },
  "batch normalisation's gradient": (typed) => {
    const x = typed(exact([n, size, size, out]));
    const { state } = batchNorm(x, exact([out], 0.5), exact([out]), 1e-5);
    return batchNormGradient(typed(exact([n, size, size, out], -1, 8)), x, exact([out], 0.5), state, 1e-5).dx;
  },
  'a pool': (typed) => maxPool(typed(exact([n, size, size, input], 0))),
  'a pool with a gradient': (typed) => maxPoolForward(bordered(typed(exact([n, size, size, input], 0)))).y,
  "a pool's gradient": (typed) => {
    const x = bordered(typed(exact([n, size, size, input], 0)));
    const { y, places } = maxPoolForward(x);
    return maxPoolGradient(typed(exact([n, 6, 6, input])), x, y, places);
  },
};

test.each(Object.entries(operations))(
  '%s in bfloat16 is that of float32, rounded, and frees what it used',
  (_, run) => {
    const values = (typed: (x: Tensor) => Tensor): Float32Array => scope(() => readFloats(cast(run(typed), 'float32')));
    expect(scope(() => run(rough).dtype)).toBe('bfloat16');
    const before = liveTensors();
    const [expected, got] = [values((x) => x), values(rough)];
    expect(liveTensors()).toBe(before);
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const error = got.reduce((most, value, at) => Math.max(most, Math.abs(value - expected[at]!)), 0);
    expect(largest).toBeGreaterThan(0.1);
    expect(error / largest).toBeLessThan(1e-2);
  },
);
