import type { Batches } from '../evaluation/evaluate.ts';
import { batchNorm } from '../supernet/ops.ts';
import type { NamedTensor } from '../supernet/safetensors.ts';
import { dispose, readFloats, tensor } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import { forward } from './forward.ts';
import type { Values } from './forward.ts';
import { convNorms } from './static-layout.ts';
import type { ConvNorm, StaticLayout } from './static-layout.ts';

/** Where images come from, and what of them a network is given. */
export interface Images {
  readonly batches: Batches;
  readonly side: number;
  readonly channels: number;
}

/**
 * BN statistics of a network, as the evaluation makes them: each batch is normalised by its own, and what stays is the
 * mean over the batches (of the unbiased variances too).
 * @param values without statistics
 * @returns `running_mean` and `running_var` of every normalisation
 * @throws RangeError where there is no batch
 */
export async function calibrate(
  layout: StaticLayout,
  values: Values,
  { batches, side, channels }: Images,
  epsilon: number,
  onBatch: (count: number) => void,
): Promise<NamedTensor[]> {
  const sums = new Map(
    convNorms(layout).map(({ norm, out }) => [norm, { mean: new Float64Array(out), variance: new Float64Array(out) }]),
  );
  const gather = (x: Tensor, { norm }: ConvNorm): Tensor => {
    const { y, mean, variance, state } = batchNorm(
      x,
      values.get(`${norm}.weight`)!,
      values.get(`${norm}.bias`)!,
      epsilon,
    );
    const sum = sums.get(norm)!;
    addTo(sum.mean, readFloats(mean));
    addTo(sum.variance, readFloats(variance));
    dispose(mean, variance, ...state);
    return y;
  };
  let count = 0;
  for await (const { images, labels } of batches) {
    dispose(forward(layout, values, tensor(images, [labels.length, side, side, channels]), gather));
    onBatch(++count);
  }
  if (count === 0) throw new RangeError('calibration: expected batches of images, got none');
  return [...sums].flatMap(([norm, { mean, variance }]) => [
    { name: `${norm}.running_mean`, shape: [mean.length], data: Float32Array.from(mean, (sum) => sum / count) },
    { name: `${norm}.running_var`, shape: [mean.length], data: Float32Array.from(variance, (sum) => sum / count) },
  ]);
}

function addTo(sum: Float64Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
}
