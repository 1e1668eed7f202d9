import { BadInput } from '../../plan/endings.ts';
import type { Batches } from '../evaluation/evaluate.ts';
import { hasShortcut, placedBlocks } from '../space/space.ts';
import type { Space, Subnet } from '../space/space.ts';
import { conv2d } from '../supernet/convolution.ts';
import { add, batchNorm, biasAdd, matmul, relu } from '../supernet/ops.ts';
import { toInternal } from '../supernet/parameters.ts';
import { maxPool, meanPool } from '../supernet/pooling.ts';
import { dispose, readFloats, tensor } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import type { NamedTensor } from '../weights/safetensors.ts';

/**
 * The layers of one subnet as a network of its own, under the names that torchvision gives to a ResNet of basic blocks:
 * `conv1`, `bn1`, `layer1.0.conv1` … `layer4.3.downsample.1`, `fc`.
 */
export interface StaticLayout {
  readonly stem: ConvNorm;
  /** Whether a 3×3 max-pool of stride 2 follows the stem. */
  readonly pool: boolean;
  readonly blocks: readonly StaticBlock[];
  /** The linear layer behind the mean over the image. */
  readonly classifier: { readonly name: string; readonly in: number; readonly out: number };
}

/** A convolution without bias and the batch normalisation behind it. */
export interface ConvNorm {
  readonly conv: string;
  readonly norm: string;
  readonly in: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
}

/** ReLU(conv2(ReLU(conv1(x))) + shortcut(x)); a null shortcut is the identity. */
interface StaticBlock {
  readonly name: string;
  readonly conv1: ConvNorm;
  readonly conv2: ConvNorm;
  readonly shortcut: ConvNorm | null;
}

export function staticLayout(space: Space, subnet: Subnet, classes: number): StaticLayout {
  const { kernel, stride, pool } = space.stem;
  const blocks = placedBlocks(space, subnet).map((at): StaticBlock => {
    const name = `layer${at.stage + 1}.${at.block}`;
    const shortcut = { conv: `${name}.downsample.0`, norm: `${name}.downsample.1`, in: at.in, out: at.out };
    return {
      name,
      conv1: { ...pair(`${name}.`, 1), in: at.in, out: at.mid, kernel: 3, stride: at.stride },
      conv2: { ...pair(`${name}.`, 2), in: at.mid, out: at.out, kernel: 3, stride: 1 },
      shortcut: hasShortcut(at) ? { ...shortcut, kernel: 1, stride: at.stride } : null,
    };
  });
  return {
    stem: { ...pair('', 1), in: space.channels, out: subnet.stem, kernel, stride },
    pool,
    blocks,
    classifier: { name: 'fc', in: subnet.stages.at(-1)!.at(-1)!.out, out: classes },
  };
}

/** Every convolution with its normalisation, in the order images pass them; a block's shortcut comes last in it. */
export function convNorms({ stem, blocks }: StaticLayout): ConvNorm[] {
  return [stem, ...blocks.flatMap(({ conv1, conv2, shortcut }) => [conv1, conv2, ...(shortcut ? [shortcut] : [])])];
}

/** The shape of every tensor by name, in PyTorch's order: what a file of the network holds. */
export function staticShapes(layout: StaticLayout): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  for (const { conv, norm, in: input, out, kernel } of convNorms(layout)) {
    shapes.set(`${conv}.weight`, [out, input, kernel, kernel]);
    for (const of of ['weight', 'bias', 'running_mean', 'running_var']) shapes.set(`${norm}.${of}`, [out]);
  }
  const { name, in: input, out } = layout.classifier;
  return shapes.set(`${name}.weight`, [out, input]).set(`${name}.bias`, [out]);
}

function pair(prefix: string, index: 1 | 2): { conv: string; norm: string } {
  return { conv: `${prefix}conv${index}`, norm: `${prefix}bn${index}` };
}

/** A network's tensors by name, in TensorFlow's memory and order. */
type Values = ReadonlyMap<string, Tensor>;

/** Normalises x [n, h, w, out] as the normalisation of that layer; a new tensor, x stays. */
type Normalise = (x: Tensor, layer: ConvNorm) => Tensor;

/** Puts tensors into TensorFlow's memory, where they stay until they are disposed of. */
export function loadValues(tensors: Iterable<NamedTensor>): Values {
  const values = new Map<string, Tensor>();
  for (const { name, shape, data } of tensors) {
    const at = { name, shape, kind: 'conv', stage: 0, group: 0, block: 0 } as const;
    values.set(name, toInternal(at, data));
  }
  return values;
}

/**
 * The network itself, one layer after the other.
 * @param images [n, h, w, channels]; freed
 * @returns logits [n, classes]
 */
export function forward(layout: StaticLayout, values: Values, images: Tensor, normalise: Normalise): Tensor {
  const convNorm = (x: Tensor, layer: ConvNorm): Tensor => {
    const conv = conv2d(x, values.get(`${layer.conv}.weight`)!, layer.stride);
    return replaced(conv, normalise(conv, layer));
  };
  let x = activated(replaced(images, convNorm(images, layout.stem)));
  if (layout.pool) x = replaced(x, maxPool(x));
  for (const { conv1, conv2, shortcut } of layout.blocks) {
    const inner = activated(convNorm(x, conv1));
    const branch = replaced(inner, convNorm(inner, conv2));
    const beside = shortcut ? replaced(x, convNorm(x, shortcut)) : x;
    const sum = add(branch, beside);
    dispose(branch, beside);
    x = activated(sum);
  }
  const { name } = layout.classifier;
  const pooled = replaced(x, meanPool(x));
  const product = replaced(pooled, matmul(pooled, values.get(`${name}.weight`)!));
  return replaced(product, biasAdd(product, values.get(`${name}.bias`)!));
}

function activated(x: Tensor): Tensor {
  return replaced(x, relu(x));
}

/** Frees what is not needed any more, and gives what it was needed for. */
function replaced(old: Tensor, made: Tensor): Tensor {
  dispose(old);
  return made;
}

/** Where images come from, and what of them a network is given. */
interface Images {
  readonly batches: Batches;
  readonly side: number;
  readonly channels: number;
}

/**
 * BN statistics of a network, as the evaluation makes them: each batch is normalised by its own, and what stays is the
 * mean over the batches (of the unbiased variances too).
 * @param values without statistics
 * @returns `running_mean` and `running_var` of every normalisation
 * @throws BadInput where there is no batch
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
  if (count === 0) throw new BadInput('calibration: expected batches of images, got none');
  return [...sums].flatMap(([norm, { mean, variance }]) => [
    { name: `${norm}.running_mean`, shape: [mean.length], data: Float32Array.from(mean, (sum) => sum / count) },
    { name: `${norm}.running_var`, shape: [mean.length], data: Float32Array.from(variance, (sum) => sum / count) },
  ]);
}

function addTo(sum: Float64Array, values: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
}
