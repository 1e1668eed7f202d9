import type * as tfjs from '@tensorflow/tfjs-node-gpu';
import { loadTfjs } from './tfjs.ts';
import { hasShortcut } from '../../nas/space/network.ts';
import type { Space, Subnet } from '../../nas/space/space.ts';
import type { Supernet } from '../../nas/supernet/supernet.ts';

const tf = loadTfjs();

/** The leading part of a parameter that stands alone: name, values in PyTorch's order. */
export interface CutOut {
  readonly name: string;
  readonly size: readonly number[];
  readonly variable: tfjs.Variable;
}

/**
 * A subnet cut out of a supernet as a network of its own, in plain TensorFlow.js with its automatic gradients: slow,
 * and independent of everything in nas/supernet but the values it reads.
 */
export class CutOutNetwork {
  readonly cuts = new Map<string, CutOut>();
  readonly #net: Supernet;
  readonly #subnet: Subnet;

  constructor(net: Supernet, subnet: Subnet) {
    this.#net = net;
    this.#subnet = subnet;
  }

  /** Logits of images [n, h, w, channels] under batch statistics. */
  logits(images: tfjs.Tensor4D, dropout?: tfjs.Tensor2D): tfjs.Tensor2D {
    const { space, groups } = this.#net;
    const { stem: stemSpace } = space;
    let x = tf.relu(this.#convNorm(images, 'first_conv.conv', 'first_conv.bn', this.#subnet.stem, stemSpace.stride));
    if (stemSpace.pool)
      x = tf.maxPool(
        tf.pad(x, [
          [0, 0],
          [1, 1],
          [1, 1],
          [0, 0],
        ]),
        3,
        2,
        'valid',
      );
    const at = this.#net.networkOf(this.#subnet).blocks;
    for (const { stage, group, block, mid, out, in: input, stride } of at) {
      const prefix = groups > 1 ? `blocks.${stage}.${group}.${block}` : `blocks.${blocksBefore(space, stage) + block}`;
      const inner = tf.relu(this.#convNorm(x, `${prefix}.conv1`, `${prefix}.bn1`, mid, stride));
      const branch = this.#convNorm(inner, `${prefix}.conv2`, `${prefix}.bn2`, out, 1);
      const shortcut = hasShortcut({ in: input, out, stride })
        ? this.#convNorm(x, `${prefix}.short_conv`, `${prefix}.short_bn`, out, stride)
        : x;
      x = activated(tf.add(branch, shortcut), space.activation);
    }
    const pooled: tfjs.Tensor2D = tf.mean(x, [1, 2]);
    const classifier = `${groups > 1 ? `classifier_groups.${at.at(-1)!.group}` : 'classifier'}.linear.linear`;
    const weight = this.#cut(`${classifier}.weight`, [this.#net.classes, pooled.shape[1]]);
    const bias = this.#cut(`${classifier}.bias`, [this.#net.classes]);
    return tf.add(tf.matMul(dropout ? tf.mul(pooled, dropout) : pooled, weight, false, true), bias);
  }

  #convNorm(x: tfjs.Tensor4D, conv: string, norm: string, out: number, stride: number): tfjs.Tensor4D {
    const { shape } = this.#net.parameters.get(`${conv}.conv.weight`);
    const kernel = shape[2]!;
    const weight = this.#cut(`${conv}.conv.weight`, [out, x.shape[3], kernel, kernel]);
    const half = (kernel - 1) / 2;
    const padded = tf.pad(x, [
      [0, 0],
      [half, half],
      [half, half],
      [0, 0],
    ]);
    const y = tf.conv2d(
      padded,
      tf.transpose(weight.as4D(out, x.shape[3], kernel, kernel), [2, 3, 1, 0]),
      stride,
      'valid',
    );
    const { mean, variance } = tf.moments(y, [0, 1, 2]);
    const gamma = this.#cut(`${norm}.bn.weight`, [out]);
    const beta = this.#cut(`${norm}.bn.bias`, [out]);
    const scaled = tf.mul(tf.mul(tf.sub(y, mean), tf.rsqrt(tf.add(variance, this.#net.epsilon))), gamma);
    return tf.add(scaled, beta);
  }

  #cut(name: string, size: readonly number[]): tfjs.Tensor {
    const known = this.cuts.get(name);
    if (known) return known.variable;
    const parameter = this.#net.parameters.get(name);
    const whole = tf.tensor(parameter.read(), [...parameter.shape]);
    const variable = tf.variable(
      tf.slice(
        whole,
        size.map(() => 0),
        [...size],
      ),
    );
    this.cuts.set(name, { name, size, variable });
    return variable;
  }
}

function activated(x: tfjs.Tensor4D, activation: Space['activation']): tfjs.Tensor4D {
  if (activation === undefined) return tf.relu(x);
  return tf.mul(x, activation === 'silu' ? tf.sigmoid(x) : tf.tanh(tf.softplus(x)));
}

function blocksBefore(space: Space, stage: number): number {
  return space.stages.slice(0, stage).reduce((sum, { depth }) => sum + depth[1], 0);
}

export { tf };
