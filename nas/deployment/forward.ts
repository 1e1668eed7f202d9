import { conv2d } from '../supernet/convolution.ts';
import { add, biasAdd, matmul, relu } from '../supernet/ops.ts';
import { toInternal } from '../supernet/parameters.ts';
import { maxPool, meanPool } from '../supernet/pooling.ts';
import type { NamedTensor } from '../supernet/safetensors.ts';
import { dispose } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';
import type { ConvNorm, StaticLayout } from './static-layout.ts';

/** A network's tensors by name, in TensorFlow's memory and order. */
export type Values = ReadonlyMap<string, Tensor>;

/** Normalises x [n, h, w, out] as the normalisation of that layer; a new tensor, x stays. */
export type Normalise = (x: Tensor, layer: ConvNorm) => Tensor;

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
