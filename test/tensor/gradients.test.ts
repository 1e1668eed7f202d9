import { describe, expect, it } from 'vitest';
import { randomOf } from '../../nas/space/random.ts';
import type { Subnet } from '../../nas/space/space.ts';
import type { Supernet } from '../../nas/supernet/supernet.ts';
import { oneHot, scale, softmaxCrossEntropy } from '../../nas/supernet/ops.ts';
import { dispose, liveTensors, readFloats, scope, tensor } from '../../nas/supernet/tensorflow.ts';
import { trainedPass } from '../../nas/supernet/trained-pass.ts';
import type { ForwardOptions } from '../../nas/supernet/trained-pass.ts';
import { ownGradient } from '../support/own-gradient.ts';
import { CutOutNetwork, tf } from '../support/tfjs-network.ts';
import { noise, TINY_CLASSES, tinySpace, tinySubnets, tinySupernet } from '../support/tiny-supernet.ts';

const BATCH = 4;
const labels = Int32Array.from({ length: BATCH }, (_, i) => i);

/** Forward and backward of one subnet; the mean cross-entropy's gradients stay in the parameters. */
function train(net: Supernet, subnet: Subnet, size: number, options?: ForwardOptions): Float32Array {
  return scope(() => {
    const images = tensor(noise(BATCH, size), [BATCH, size, size, 3]);
    const { logits, tape } = trainedPass(net, images, subnet, options);
    const { gradient } = softmaxCrossEntropy(logits, oneHot(tensor(labels, [BATCH]), TINY_CLASSES));
    tape.backward(scale(gradient, 1 / BATCH));
    return readFloats(logits);
  });
}

/** Resized, with dropout and drop connect, the same for the same seed. */
const regularised = (seed: number): ForwardOptions => ({
  resolution: 24,
  dropout: { rate: 0.2, random: randomOf(seed, 'dropout') },
  dropConnect: { rate: 0.9, onlyLastTwoStages: false, random: randomOf(seed, 'drop connect') },
});

function crossEntropy(logits: Float32Array): number {
  const losses = Array.from(labels, (label, n) => {
    const row = logits.slice(n * TINY_CLASSES, (n + 1) * TINY_CLASSES);
    return Math.log(row.reduce((sum, value) => sum + Math.exp(value), 0)) - row[label]!;
  });
  return losses.reduce((sum, value) => sum + value, 0) / BATCH;
}

const largest = (values: Iterable<number>): number => Math.max(...[...values].map(Math.abs));

/** The automatic gradients of the cut-out network, in whole parameters of TensorFlow's order, infinite outside the slice. */
function automatic(
  net: Supernet,
  subnet: Subnet,
  size: number,
): { logits: Float32Array; gradients: Map<string, Float32Array> } {
  tf.engine().startScope();
  try {
    const network = new CutOutNetwork(net, subnet);
    const images = tf.tensor4d(noise(BATCH, size), [BATCH, size, size, 3]);
    const logits = network.logits(images).dataSync<'float32'>();
    const targets = tf.oneHot(tf.tensor1d(labels, 'int32'), TINY_CLASSES);
    const cuts = [...network.cuts.values()];
    const { grads } = tf.variableGrads(
      () => tf.losses.softmaxCrossEntropy(targets, network.logits(images)),
      cuts.map(({ variable }) => variable),
    );
    const gradients = cuts.map(({ name, variable }): [string, Float32Array] => {
      const { shape } = net.parameters.get(name);
      const gradient = grads[variable.name]!;
      const margins = gradient.shape.map((extent, axis): [number, number] => [0, shape[axis]! - extent]);
      const whole = tf.pad(gradient, margins, Infinity);
      const turned = shape.length === 1 ? whole : tf.transpose(whole, shape.length === 4 ? [2, 3, 1, 0] : [1, 0]);
      variable.dispose();
      return [name, turned.dataSync<'float32'>()];
    });
    return { logits, gradients: new Map(gradients) };
  } finally {
    tf.engine().endScope();
  }
}

function expectAutomaticGradients(net: Supernet, subnet: Subnet, size: number): void {
  const expected = automatic(net, subnet, size);
  const logits = train(net, subnet, size);
  expect(largest(logits.map((value, i) => value - expected.logits[i]!))).toBeLessThan(1e-5);
  for (const parameter of net.parameters) {
    const ours = ownGradient(parameter);
    const theirs = expected.gradients.get(parameter.name);
    // A parameter the subnet does not use, in another group or past its depth, has no gradient at all.
    expect(ours === undefined, parameter.name).toBe(theirs === undefined);
    if (!ours || !theirs) continue;
    const tolerance = 2e-5 * largest(theirs.filter(Number.isFinite)) + 1e-7;
    // Outside the active slice it is zero to the bit.
    const wrong = ours.filter((value, i) =>
      Number.isFinite(theirs[i]) ? Math.abs(value - theirs[i]!) > tolerance : value !== 0,
    );
    expect(wrong, parameter.name).toHaveLength(0);
  }
  net.dispose();
}

describe.each([1, 2])('the hand-written backward pass with %i groups', (groups) => {
  it.each(Object.entries(tinySubnets).flatMap(([name, subnet]) => [32, 33].map((size) => ({ name, subnet, size }))))(
    'equals automatic gradients of the cut-out network: $name at $size×$size',
    ({ subnet, size }) => expectAutomaticGradients(tinySupernet(groups), subnet, size),
  );
});

describe.each(['silu', 'mish'] as const)('with %s behind every block', (activation) => {
  const space = { ...tinySpace, activation };

  it('the backward pass equals automatic gradients', () => {
    const tensors = liveTensors();
    for (const subnet of Object.values(tinySubnets)) expectAutomaticGradients(tinySupernet(2, { space }), subnet, 32);
    const kept = liveTensors() - tensors;
    // Whatever a pass makes is freed: passing twice leaves no more.
    for (const subnet of Object.values(tinySubnets)) expectAutomaticGradients(tinySupernet(2, { space }), subnet, 32);
    expect(liveTensors() - tensors).toBe(kept);
  });
});

describe('gradients of a supernet', () => {
  it('add up over subnets, whatever their slices', () => {
    const net = tinySupernet();
    const each = Object.values(tinySubnets).map((subnet) => {
      train(net, subnet, 24);
      const gradients = new Map([...net.parameters].map((parameter) => [parameter.name, ownGradient(parameter)]));
      net.parameters.zeroGradients();
      return gradients;
    });
    // The same again without a break; twice the first, so that slices of one size meet.
    for (const subnet of [...Object.values(tinySubnets), tinySubnets.max]) train(net, subnet, 24);
    for (const parameter of net.parameters) {
      const sum = ownGradient(parameter);
      if (!sum) continue;
      const parts = [...each, each[0]!].map((gradients) => gradients.get(parameter.name));
      const wrong = sum.filter((value, i) => {
        const expected = parts.reduce((total, part) => total + (part?.[i] ?? 0), 0);
        return Math.abs(value - expected) > 1e-5 * (1 + Math.abs(expected));
      });
      expect(wrong, parameter.name).toHaveLength(0);
    }
    net.dispose();
  });

  it('follow the loss under dropout and drop connect', () => {
    const net = tinySupernet();
    const loss = (): number => crossEntropy(train(net, tinySubnets.max, 32, regularised(7)));
    loss();
    const gradients = [...net.parameters].flatMap((parameter) => {
      const gradient = parameter.gradient.total();
      // Outside the parameter, which frees its own at the next backward pass.
      return gradient ? [{ parameter, gradient: scale(gradient, 1) }] : [];
    });
    const norm = Math.hypot(...gradients.flatMap(({ gradient }) => [...readFloats(gradient)]));
    const move = (distance: number): void => {
      for (const { parameter, gradient } of gradients) parameter.applyMomentum(-distance / norm, 0, gradient);
    };
    // The loss along the gradient's own direction must rise by its norm.
    move(1e-4);
    const above = loss();
    move(-2e-4);
    const slope = (above - loss()) / 2e-4;
    expect(slope / norm).toBeCloseTo(1, 2);
    dispose(...gradients.map(({ gradient }) => gradient));
    net.dispose();
  });

  it('leave no tensor behind', () => {
    const before = liveTensors();
    const net = tinySupernet(2);
    const built = liveTensors();
    for (let step = 0; step < 3; step++) {
      scope(() => {
        for (const subnet of Object.values(tinySubnets)) {
          train(net, subnet, 32, regularised(step));
        }
        for (const parameter of net.parameters) {
          const gradient = parameter.gradient.total();
          if (gradient) parameter.applyMomentum(0.1, 0.9, gradient);
        }
        net.parameters.zeroGradients();
        net.parameters.releaseSlices();
      });
    }
    const momenta = [...net.parameters].filter((parameter) => parameter.readMomentum().some((value) => value !== 0));
    net.parameters.releaseSlices();
    expect(momenta.length).toBeGreaterThan(0);
    expect(liveTensors()).toBe(built + momenta.length);
    net.dispose();
    expect(liveTensors()).toBe(before);
  });
});
