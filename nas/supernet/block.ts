import { hasShortcut } from '../space/space.ts';
import type { PlacedBlock } from '../space/space.ts';
import { conv2d } from './convolution.ts';
import type { BlockModule, ConvNorm } from './modules.ts';
import type { Supernet } from './network.ts';
import { add, biasAdd, cast, matmul, relu } from './ops.ts';
import { maxPool, meanPool } from './pooling.ts';
import { dispose } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

/**
 * The pieces of a subnet's forward pass with the normalisation handed in, for those who walk a network themselves:
 * calibrating, sharing between subnets. No piece frees its input; each frees what it made in between. Activations have
 * the lanes of the widths named here.
 */

/** Normalises x [n, h, w, width]; a new tensor, x stays. */
export type Normalise = (
  x: Tensor,
  norm: { readonly gamma: Tensor; readonly beta: Tensor; readonly name: string },
) => Tensor;

/** A block where it stands, and the group its weights are taken from. */
export interface GroupedBlock extends PlacedBlock {
  readonly group: number;
}

/** images [n, h, w, channels] → [n, h', w', width]: convolution, normalisation, ReLU and, if the space has it, the pool. */
export function stemForward(net: Supernet, images: Tensor, width: number, normalise: Normalise): Tensor {
  const { stride, pool } = net.space.stem;
  const x = net.precision === 'bf16' && images.dtype === 'float32' ? cast(images, 'bfloat16') : images;
  const activated = activate(convNorm(x, net.modules.stem, net.space.channels, width, stride, normalise));
  if (x !== images) dispose(x);
  if (!pool) return activated;
  const pooled = maxPool(activated);
  dispose(activated);
  return pooled;
}

/** x [n, h, w, in] → [n, h', w', mid]: the block's first convolution, normalisation, ReLU. */
function conv1Forward(net: Supernet, x: Tensor, at: GroupedBlock, normalise: Normalise): Tensor {
  return activate(convNorm(x, moduleOf(net, at).conv1, at.in, at.mid, at.stride, normalise));
}

/** [n, h', w', mid] → [n, h', w', out]: second convolution and normalisation, before the shortcut is added. */
function conv2Forward(net: Supernet, inner: Tensor, at: GroupedBlock, normalise: Normalise): Tensor {
  return convNorm(inner, moduleOf(net, at).conv2, at.mid, at.out, 1, normalise);
}

/** x [n, h, w, in] → [n, h', w', out]: 1×1 convolution and normalisation; x itself where the shortcut is the identity. */
function shortcutForward(net: Supernet, x: Tensor, at: GroupedBlock, normalise: Normalise): Tensor {
  return hasShortcut(at) ? convNorm(x, moduleOf(net, at).shortcut, at.in, at.out, at.stride, normalise) : x;
}

/** ReLU(branch + shortcut). */
function join(branch: Tensor, shortcut: Tensor): Tensor {
  return activate(add(branch, shortcut));
}

/** A whole residual block: x [n, h, w, in] → [n, h', w', out]. */
export function blockForward(net: Supernet, x: Tensor, at: GroupedBlock, normalise: Normalise): Tensor {
  const inner = conv1Forward(net, x, at, normalise);
  const branch = conv2Forward(net, inner, at, normalise);
  const shortcut = shortcutForward(net, x, at, normalise);
  const y = join(branch, shortcut);
  dispose(inner, branch);
  if (shortcut !== x) dispose(shortcut);
  return y;
}

/** x [n, h, w, lanes(width)] → logits [n, classes] in float32. @param group of the last stage */
export function classify(net: Supernet, x: Tensor, width: number, group: number): Tensor {
  const { weight, bias } = net.modules.classifiers[group]!;
  const full = x.dtype === 'float32' ? x : cast(x, 'float32');
  const pooled = meanPool(full);
  const product = matmul(pooled, weight.slice(net.classes, width));
  const logits = biasAdd(product, bias.value());
  dispose(pooled, product);
  if (full !== x) dispose(full);
  return logits;
}

export function moduleOf(net: Supernet, { stage, group, block }: GroupedBlock): BlockModule {
  return net.modules.blocks[stage]![group]![block]!;
}

function convNorm(x: Tensor, unit: ConvNorm, input: number, out: number, stride: number, normalise: Normalise): Tensor {
  const conv = conv2d(x, unit.weight.slice(out, input), stride);
  const gamma = unit.gamma.slice(out);
  const beta = unit.beta.slice(out);
  const y = normalise(conv, { gamma, beta, name: unit.name });
  if (y !== conv) dispose(conv);
  return y;
}

function activate(x: Tensor): Tensor {
  const y = relu(x);
  dispose(x);
  return y;
}
