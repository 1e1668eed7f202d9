import { expect, test } from 'vitest';
import { WeightCache } from '../../nas/evaluation/walk/stage-form.ts';
import { randomOf } from '../../nas/space/random.ts';
import {
  conv2d,
  conv2dInputGradient,
  conv2dWeightGradient,
  convolutionBackward,
  convolutionForward,
} from '../../nas/supernet/convolution.ts';
import { filter, filterWeight } from '../../nas/supernet/minimal-filtering.ts';
import { Supernet } from '../../nas/supernet/supernet.ts';
import { batchNorm, batchNormWith } from '../../nas/supernet/batch-norm.ts';
import { cast, relu, transpose } from '../../nas/supernet/ops.ts';
import { isOnGpu, liveTensors, readFloats, scope, tensor } from '../../nas/supernet/tensorflow.ts';
import type { DType, Tensor } from '../../nas/supernet/tensorflow.ts';
import { committedSpace } from '../support/spaces.ts';

function random(shape: readonly number[], dtype: DType = 'float32'): Tensor {
  const uniform = randomOf(5, shape.join());
  const size = shape.reduce((product, extent) => product * extent, 1);
  return cast(
    tensor(
      Float32Array.from({ length: size }, () => uniform.normal()),
      shape,
    ),
    dtype,
  );
}

/** The largest difference, by the largest value of b. */
function difference(a: Tensor, b: Tensor): number {
  const [x, y] = [readFloats(cast(a, 'float32')), readFloats(cast(b, 'float32'))];
  const largest = y.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return x.reduce((most, value, i) => Math.max(most, Math.abs(value - y[i]!)), 0) / largest;
}

const sizes = [2, 3, 4, 5, 7, 8, 14];

test.for([
  ['float32', 1e-5],
  ['bfloat16', 2e-2],
] as const)('in %s, filtering equals a plain convolution on maps of any size', ([dtype, bound]) => {
  for (const size of sizes) {
    scope(() => {
      const [x, weight] = [random([3, size, size, 24], dtype), random([3, 3, 24, 40], dtype)];
      const maps = filter(transpose(x, [1, 2, 0, 3]), filterWeight(weight, size));
      const images = transpose(maps, [2, 0, 1, 3]);
      expect(images.shape).toEqual([3, size, size, 40]);
      expect(difference(images, conv2d(x, weight, 1)), `maps of ${size}`).toBeLessThan(bound);
    });
  }
});

test("a filtered convolution's gradients are the plain one's, and what it kept is freed", () => {
  for (const size of [4, 7, 12]) {
    scope(() => {
      const shape = [16, size, size, 80];
      const [x, weight, dy] = [random(shape), random([3, 3, 80, 96]), random([16, size, size, 96])];
      const before = liveTensors();
      const { y, record } = convolutionForward(x, weight, 1);
      expect(record.points === null, `maps of ${size}`).toBe(size === 4 || isOnGpu());
      const { dWeight, dx } = convolutionBackward(record, dy, true);
      expect(liveTensors() - before).toBe(3);
      expect(difference(y, conv2d(x, weight, 1))).toBeLessThan(1e-5);
      expect(difference(dWeight, conv2dWeightGradient(x, weight.shape, dy, 1))).toBeLessThan(1e-5);
      expect(difference(dx!, conv2dInputGradient(x.shape, weight, dy, 1))).toBeLessThan(1e-5);
    });
  }
});

test('a normalisation with its ReLU in one operation gives what the two give', () => {
  scope(() => {
    const [x, gamma, beta] = [random([6, 5, 5, 24]), random([24]), random([24])];
    const [plain, together] = [batchNorm(x, gamma, beta, 1e-5), batchNorm(x, gamma, beta, 1e-5, true)];
    expect(difference(together.y, relu(plain.y))).toBeLessThan(1e-6);
    expect(difference(together.mean, plain.mean)).toBeLessThan(1e-6);
    expect(difference(together.variance, plain.variance)).toBeLessThan(1e-6);
    const statistics = { mean: plain.mean, variance: plain.variance };
    const apart = relu(batchNormWith(x, gamma, beta, statistics, 1e-5));
    expect(difference(batchNormWith(x, gamma, beta, statistics, 1e-5, true), apart)).toBeLessThan(1e-6);
  });
});

test('parts of weights past the limit are made anew, are the same, and leave nothing behind', () => {
  const space = committedSpace('fashion');
  const net = Supernet.build({ space, classes: 10, groups: 1, seed: 1 });
  const weight = net.parameters.get('blocks.0.conv2.conv.weight');
  const [out = NaN, input = NaN] = weight.shape;
  const form = { layout: 'maps', dtype: 'float32', size: 4 } as const;
  const before = liveTensors();
  const caches = [new WeightCache(), new WeightCache(0)];
  const seen = [...caches, ...caches].map((cache) =>
    cache.use(weight, { out, in: input, stride: 1 }, form, (part) => readFloats(part)),
  );
  for (const values of seen) expect(values).toEqual(seen[0]);
  expect(liveTensors() - before).toBeLessThanOrEqual(2);
  for (const cache of caches) cache.dispose();
  expect(liveTensors() - before).toBeLessThanOrEqual(1);
  net.dispose();
});
