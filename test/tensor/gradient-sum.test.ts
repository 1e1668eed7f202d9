import { expect, test } from 'vitest';
import { GradientSum, sumOverRanks } from '../../nas/supernet/gradient-sum.ts';
import { add } from '../../nas/supernet/ops.ts';
import { alone } from '../../nas/supernet/ranks.ts';
import { liveTensors, readFloats, tensor } from '../../nas/supernet/tensorflow.ts';

test('gradients are summed over ranks to their own shapes: large ones by themselves, small ones as one vector', () => {
  const shapes = [[3, 2], [300, 300], [5], [7]];
  const gradients = shapes.map((shape) => new GradientSum(shape));
  const before = liveTensors();
  const values = shapes.map((shape, of) => {
    return Float32Array.from({ length: shape.reduce((product, extent) => product * extent) }, (_, at) => of + at / 8);
  });
  // The last net has no use for the last parameter.
  gradients.slice(0, -1).forEach((gradient, at) => gradient.add(tensor(values[at]!, shapes[at]!)));
  const sums: number[][] = [];
  const sum: typeof alone.sum = (x) => {
    sums.push([...x.shape]);
    return add(x, x);
  };
  sumOverRanks(gradients, { ...alone, size: 2, sum });
  expect(sums).toEqual([[300, 300], [11]]);
  for (const [at, gradient] of gradients.slice(0, -1).entries()) {
    const total = gradient.total()!;
    expect(total.shape).toEqual(shapes[at]);
    expect(readFloats(total)).toEqual(values[at]!.map((value) => 2 * value));
  }
  expect(gradients.at(-1)!.total()).toBeUndefined();
  for (const gradient of gradients) gradient.clear();
  expect(liveTensors()).toBe(before);
});
