import { describe, expect, it } from 'vitest';
import { supernetParameterCount } from '../../nas/space/cost.ts';
import type { Subnet } from '../../nas/space/space.ts';
import { inherit } from '../../nas/supernet/inheritance.ts';
import { Supernet } from '../../nas/supernet/supernet.ts';
import { oneHot, scale, softmaxCrossEntropy } from '../../nas/supernet/ops.ts';
import { read, readFloats, scope, tensor, TensorFlowError } from '../../nas/supernet/tensorflow.ts';
import { trainedPass } from '../../nas/supernet/trained-pass.ts';
import { ownGradient } from '../support/own-gradient.ts';
import { noise, TINY_CLASSES, tinySpace, tinySubnets, tinySupernet } from '../support/tiny-supernet.ts';

const BATCH = 8;
const SIZE = 32;
const STEM_WEIGHT = 'first_conv.conv.conv.weight';
const STEM_SCALE = 'first_conv.bn.bn.weight';

const logitsOf = (net: Supernet, subnet = tinySubnets.max): Float32Array =>
  scope(() => {
    const images = tensor(noise(BATCH, SIZE), [BATCH, SIZE, SIZE, 3]);
    return readFloats(trainedPass(net, images, subnet).logits);
  });

const valuesOf = (net: Supernet): Map<string, Float32Array> =>
  new Map([...net.parameters].map((parameter) => [parameter.name, parameter.read()]));

describe('a supernet', () => {
  it('starts as a pure function of its seed, as PyTorch starts layers, with blocks that are the identity', () => {
    const options = { space: tinySpace, classes: TINY_CLASSES, groups: 2 };
    const [one, same, other] = [1, 1, 2].map((seed) => Supernet.build({ ...options, seed }));
    expect(valuesOf(one!)).toEqual(valuesOf(same!));
    expect(valuesOf(one!)).not.toEqual(valuesOf(other!));
    const named = (name: string) => one!.parameters.get(name);
    const bound = 1 / Math.sqrt(7 * 7 * 3);
    const weights = named(STEM_WEIGHT).read();
    expect(Math.max(...weights)).toBeLessThanOrEqual(bound);
    expect(weights.reduce((sum, w) => sum + w * w, 0) / weights.length).toBeCloseTo((bound * bound) / 3, 3);
    expect(
      named('classifier_groups.0.linear.linear.bias')
        .read()
        .every((value) => value !== 0),
    ).toBe(true);
    for (const { name, role } of [...one!.parameters].filter(({ kind }) => kind === 'norm')) {
      expect(
        named(name)
          .read()
          .every((value) => value === (role === 'conv2' ? 0 : 1)),
        name,
      ).toBe(true);
    }
    for (const net of [one!, same!, other!]) net.dispose();
  });

  it('has the parameters that its space counts', () => {
    for (const groups of [1, 2, 3]) {
      const net = tinySupernet(groups);
      const count = [...net.parameters].reduce((sum, parameter) => sum + parameter.read().length, 0);
      expect(count).toBe(supernetParameterCount(tinySpace, groups, TINY_CLASSES));
      net.dispose();
    }
  });

  it.each([undefined, 'depth' as const])(
    'gives every subnet the same logits right after inheritance, and leaves its source as it is (groups by %s)',
    (group_by) => {
      const source = tinySupernet(1, { space: { ...tinySpace, group_by } });
      const two = inherit(source, 2);
      const three = inherit(two, 3);
      for (const subnet of Object.values(tinySubnets)) {
        const expected = logitsOf(source, subnet);
        expect(logitsOf(two, subnet)).toEqual(expected);
        expect(logitsOf(three, subnet)).toEqual(expected);
      }
      const parameter = two.parameters.get(STEM_WEIGHT);
      const before = source.parameters.get(STEM_WEIGHT).read();
      parameter.assign(parameter.read().fill(1));
      expect(source.parameters.get(STEM_WEIGHT).read()).toEqual(before);
      expect(() => inherit(two, 1)).toThrow("expected at least the source's 2 groups, got 1");
      for (const net of [source, two, three]) net.dispose();
    },
  );

  it('with groups by depth trains the blocks of a subnet of that depth, and no others', () => {
    const net = tinySupernet(3, { space: { ...tinySpace, group_by: 'depth' } });
    const groupsOf = (subnet: Subnet): number[] => net.networkOf(subnet).blocks.map(({ group }) => group);
    expect(groupsOf(tinySubnets.max)).toEqual([1, 1, 2, 2, 2]);
    expect(groupsOf(tinySubnets.middle)).toEqual([1, 1, 1, 1]);
    net.dispose();
  });

  it('updates parameters as PyTorch does, in place and without touching what shares their memory', () => {
    const net = tinySupernet();
    const copy = inherit(net, 1);
    const parameter = net.parameters.get(STEM_SCALE);
    const start = [...parameter.read()];
    const untouched = copy.parameters.get(STEM_SCALE).read();
    const [m, rate] = [0.9, 0.1];
    let [value, velocity] = [start, start.map(() => 0)];
    for (let step = 1; step <= 3; step++) {
      const g = start.map((_, i) => Math.sin(step * (i + 1)));
      velocity = velocity.map((v, i) => m * v + g[i]!);
      value = value.map((w, i) => w - rate * step * (g[i]! + m * velocity[i]!));
      scope(() => {
        parameter.applyMomentum(rate * step, m, tensor(Float32Array.from(g), [g.length]));
      });
    }
    parameter.read().forEach((got, i) => expect(got).toBeCloseTo(value[i]!, 5));
    parameter.readMomentum().forEach((got, i) => expect(got).toBeCloseTo(velocity[i]!, 5));
    expect(copy.parameters.get(STEM_SCALE).read()).toEqual(untouched);
    for (const one of [net, copy]) one.dispose();
  });

  it('sets and reads values and momenta in the order of PyTorch', () => {
    const net = tinySupernet();
    for (const { name, shape } of net.parameters) {
      const parameter = net.parameters.get(name);
      const data = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => i);
      parameter.assign(data);
      parameter.assignMomentum(data);
      expect(parameter.read()).toEqual(data);
      expect(parameter.readMomentum()).toEqual(data);
      expect(() => parameter.assign(data.slice(1))).toThrow(name);
    }
    const conv = net.parameters.get('blocks.2.conv1.conv.weight');
    const [out = 0, input = 0] = conv.shape;
    // Output 1, input 2, row 0, column 1 of the kernel, in both orders.
    expect(read(conv.value())[(1 * input + 2) * out + 1]).toBe((1 * input + 2) * 9 + 1);
    net.dispose();
  });

  it("computes in bfloat16 what it computes in float32, to bfloat16's precision", () => {
    const net = tinySupernet();
    const half = tinySupernet(1, { precision: 'bf16' });
    for (const subnet of Object.values(tinySubnets)) {
      const expected = logitsOf(net, subnet);
      const error = logitsOf(half, subnet).map((value, i) => value - expected[i]!);
      const size = Math.hypot(...expected);
      expect(Math.hypot(...error) / size).toBeLessThan(0.05);
      expect(Math.hypot(...error) / size).toBeGreaterThan(0);
    }
    const gradients = [net, half].map((one) =>
      scope(() => {
        const images = tensor(noise(BATCH, SIZE), [BATCH, SIZE, SIZE, 3]);
        const { logits, tape } = trainedPass(one, images, tinySubnets.middle);
        const labels = tensor(
          Int32Array.from({ length: BATCH }, (_, i) => i % TINY_CLASSES),
          [BATCH],
        );
        const { gradient } = softmaxCrossEntropy(logits, oneHot(labels, TINY_CLASSES));
        tape.backward(scale(gradient, 1 / BATCH));
        return [...one.parameters].map((parameter) => [...(ownGradient(parameter) ?? [])]);
      }),
    );
    const [full, rough] = gradients.map((all) => all.flat());
    const error = rough!.map((value, i) => value - full![i]!);
    expect(Math.hypot(...error) / Math.hypot(...full!)).toBeLessThan(0.2);
    for (const one of [net, half]) one.dispose();
  });

  it('refuses what does not fit, by name', () => {
    const net = tinySupernet();
    const wide = { stem: 8, stages: [[{ mid: 8, out: 9 }], [{ mid: 12, out: 12 }]] };
    expect(() => logitsOf(net, wide)).toThrow('of at most 8 channels, got 1 of at most 9');
    expect(() => net.parameters.get('blocks.9')).toThrow("got 'blocks.9'");
    expect(() => scope(() => trainedPass(net, tensor(noise(1, 8, 1), [1, 8, 8, 1]), tinySubnets.max))).not.toThrow(
      TypeError,
    );
    net.dispose();
  });

  it('tells an operation that fails with its operands', () => {
    expect(() => scope(() => scale(tensor(Int32Array.of(1), [1]), 2))).toThrow(TensorFlowError);
    expect(() => scope(() => scale(tensor(Int32Array.of(1), [1]), 2))).toThrow(/^Mul\(int32\[1\], float32\[\]\): /);
  });
});
