import { describe, expect, test } from 'vitest';
import { randomOf } from '../../nas/space/random.ts';
import { Supernet } from '../../nas/supernet/supernet.ts';
import { softmax } from '../../nas/supernet/ops.ts';
import { liveTensors, readFloats, scope, tensor } from '../../nas/supernet/tensorflow.ts';
import { trainedPass } from '../../nas/supernet/trained-pass.ts';
import { Sgd, weightDecay } from '../../nas/training/sgd.ts';
import { rankLossOf, rankSlopes } from '../../nas/training/rank-loss.ts';
import { sandwich } from '../../nas/training/sandwich.ts';
import { crossEntropy, smoothedTargets, trainStep } from '../../nas/training/step.ts';
import type { StepOptions } from '../../nas/training/step.ts';
import { tinySupernet } from '../support/training-configs.ts';

const config = tinySupernet({ grad_clip_value: 0.02, weight_decay_weight: 0.01, weight_decay_bn_bias: 0.003 });
const { space } = config;
const rate = 0.05;

const build = (): Supernet => Supernet.build({ space, classes: 10, groups: 1, seed: 3 });

function batchOf(size: number, seed: number) {
  const random = randomOf(seed, 'images');
  const labels = Int32Array.from({ length: size }, () => random.integer(10));
  return { images: Float32Array.from({ length: size * 28 * 28 }, () => random.normal()), labels, indices: labels };
}

const plainOptions: StepOptions = {
  iteration: 0,
  seed: 0,
  rate,
  labelSmoothing: 0.1,
  distill: true,
  regularisation: { dropout: 0, dropConnect: 0, onlyLastTwoStages: false },
};

function row(values: Float32Array, n: number): number[] {
  return [...values.subarray(10 * n, 10 * n + 10)];
}

function softmaxOf(values: number[]): number[] {
  const powers = values.map((value) => Math.exp(value));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

describe('losses', () => {
  const random = randomOf(1, 'logits');
  const logits = Float32Array.from({ length: 4 * 10 }, () => 3 * random.normal());
  const teacher = Float32Array.from({ length: 4 * 10 }, () => 2 * random.normal());
  const labels = Int32Array.of(0, 3, 9, 3);
  function check(targets: number[][], given: () => ReturnType<typeof tensor>): void {
    const { losses, gradient } = scope(() => {
      const made = crossEntropy(tensor(logits, [4, 10]), given());
      return { losses: readFloats(made.losses), gradient: readFloats(made.gradient) };
    });
    targets.forEach((target, n) => {
      const predicted = softmaxOf(row(logits, n));
      const loss = target.reduce((sum, p, c) => sum - p * Math.log(predicted[c]!), 0);
      expect(losses[n]).toBeCloseTo(loss, 4);
      // of the mean over the batch
      row(gradient, n).forEach((d, c) => expect(d).toBeCloseTo((predicted[c]! - target[c]!) / 4, 6));
    });
  }

  test('label-smoothed cross-entropy and its gradient are those of the formula', () => {
    const hard = [...labels].map((label) => Array.from({ length: 10 }, (_, c) => (c === label ? 0.9 : 0) + 0.01));
    check(hard, () => smoothedTargets(labels, 10, 0.1));
  });

  test('distillation is the cross-entropy against what the teacher predicts', () => {
    const soft = [0, 1, 2, 3].map((n) => softmaxOf(row(teacher, n)));
    check(soft, () => softmax(tensor(teacher, [4, 10])));
  });
});

describe('the pairwise rank loss', () => {
  const losses = [1.5, 1.2, 2, 0.4];
  const priors = [9, 3, 5, 1];

  test('pushes apart each pair in the wrong order, and leaves the others', () => {
    const lossOf = (of: readonly number[]): number => {
      let sum = 0;
      for (let i = 0; i < of.length; i++)
        for (let j = 0; j < of.length; j++) if (priors[i]! > priors[j]!) sum += Math.max(0, of[i]! - of[j]!);
      return sum;
    };
    const slopes = rankSlopes(losses, priors);
    losses.forEach((_, net) => {
      const moved = (by: number): number[] => losses.map((loss, at) => (at === net ? loss + by : loss));
      expect(slopes[net]).toBeCloseTo((lossOf(moved(1e-4)) - lossOf(moved(-1e-4))) / 2e-4, 6);
    });
    expect(rankSlopes([1, 2, 3], [3, 2, 1])).toEqual([0, 0, 0]);
    expect(rankSlopes([2, 1], [5, 5])).toEqual([0, 0]);
  });

  test('adds its gradient to that of each net in proportion', () => {
    const batch = batchOf(16, 5);
    const nets = sandwich(config, 0);
    const order = { priors: [1, 2, 3, 4], weight: 0.7 };
    const updates = (rankLoss: StepOptions['rankLoss']): Map<string, Float32Array> => {
      const net = build();
      const unclipped = { ...config, grad_clip_value: null, weight_decay_weight: 0, weight_decay_bn_bias: 0 };
      const before = new Map([...net.parameters].map((one) => [one.name, readFloats(one.value()).slice()]));
      trainStep(net, new Sgd(net.parameters, unclipped), batch, nets, { ...plainOptions, rankLoss: rankLoss ?? null });
      const moved = [...net.parameters].map((one): [string, Float32Array] => [
        one.name,
        readFloats(one.value()).map((value, at) => (before.get(one.name)![at]! - value) / (1.9 * rate)),
      ]);
      net.dispose();
      return new Map(moved);
    };
    // The gradient of each net's cross-entropy against the labels, one net after the other.
    const plain = build();
    const images = tensor(batch.images, [16, 28, 28, 1]);
    const hard = nets.map(({ subnet, resolution }) => {
      const { logits, tape } = trainedPass(plain, images, subnet, { resolution });
      const { losses: each, gradient } = crossEntropy(logits, smoothedTargets(batch.labels, 10, 0));
      const loss = readFloats(each).reduce((a, b) => a + b) / 16;
      tape.backward(gradient);
      const gradients = new Map(
        [...plain.parameters].flatMap((parameter) => {
          const one = parameter.gradient.total();
          const values = one && readFloats(one).slice();
          parameter.gradient.clear();
          return values ? [[parameter.name, values] as const] : [];
        }),
      );
      return { loss, gradients };
    });
    const slopes = rankSlopes(
      hard.map(({ loss }) => loss),
      order.priors,
    );
    expect(slopes.some((slope) => slope !== 0)).toBe(true);
    const [without, withLoss] = [updates(null), updates(order)];
    for (const [name, values] of withLoss) {
      values.forEach((value, at) => {
        const added = hard.reduce(
          (sum, { gradients }, net) => sum + order.weight * slopes[net]! * (gradients.get(name)?.[at] ?? 0),
          0,
        );
        expect(Math.abs(value - without.get(name)![at]! - added), name).toBeLessThan(2e-5);
      });
    }
    plain.dispose();
  });

  test('has a weight that rises to its own', () => {
    const rankLoss = { by: 'macs', weight: 2, rise_epochs: 10 } as const;
    const { weightAt, priorOf } = rankLossOf({ ...config, rank_loss: rankLoss })!;
    expect([0, 5, 10, 20].map(weightAt)).toEqual([0, 1, 2, 2]);
    expect(rankLossOf({ ...config, rank_loss: { ...rankLoss, rise_epochs: 0 } })!.weightAt(0)).toBe(2);
    const [max, , , min] = sandwich(config, 0);
    expect(priorOf(max!.subnet)).toBeGreaterThan(priorOf(min!.subnet));
    expect(rankLossOf(config)).toBeNull();
  });
});

describe('one iteration', () => {
  test('sums the gradients of its nets, clips by value, decays, and moves by Nesterov momentum', () => {
    const [net, plain] = [build(), build()];
    const sgd = new Sgd(net.parameters, config, ({ stage }) => (stage === 1 ? 2 : 1));
    const momenta = new Map<string, Float32Array>();
    for (const iteration of [0, 1]) {
      const batch = batchOf(16, iteration);
      const nets = sandwich(config, iteration);
      const { losses } = trainStep(net, sgd, batch, nets, { ...plainOptions, iteration });

      const sums = new Map<string, Float32Array>();
      const images = tensor(batch.images, [16, 28, 28, 1]);
      let targets = smoothedTargets(batch.labels, 10, 0.1);
      nets.forEach(({ subnet, resolution, role }, index) => {
        const { logits, tape } = trainedPass(plain, images, subnet, { resolution });
        const { losses: each, gradient } = crossEntropy(logits, targets);
        if (role === 'max') targets = softmax(logits);
        expect(losses[index]).toBeCloseTo(readFloats(each).reduce((a, b) => a + b) / 16, 5);
        tape.backward(gradient);
        for (const parameter of plain.parameters) {
          const one = parameter.gradient.total();
          const sum = sums.get(parameter.name);
          // Shapes differ in layout only; all that follows works element by element.
          if (one)
            sums.set(
              parameter.name,
              sum ? sum.map((value, at) => value + readFloats(one)[at]!) : readFloats(one).slice(),
            );
          parameter.gradient.clear();
        }
      });
      const clipped = [...sums.values()].flatMap((values) => [...values]).filter((value) => Math.abs(value) > 0.02);
      expect(clipped.length).toBeGreaterThan(0);

      for (const parameter of plain.parameters) {
        const sum = sums.get(parameter.name);
        const velocity = momenta.get(parameter.name);
        if (!sum) continue;
        const value = readFloats(parameter.value());
        const decay = weightDecay(config, parameter.kind);
        const g = value.map((w, at) => Math.max(-0.02, Math.min(0.02, sum[at]!)) + decay * w);
        const v = g.map((d, at) => 0.9 * (velocity?.[at] ?? 0) + d);
        momenta.set(parameter.name, v);
        const factor = parameter.stage === 1 ? 2 : 1;
        const moved = value.map((w, at) => w - rate * factor * (g[at]! + 0.9 * v[at]!));
        const reached = readFloats(net.parameters.get(parameter.name).value());
        moved.forEach((w, at) => expect(Math.abs(w - reached[at]!), parameter.name).toBeLessThan(2e-6));
        // The same start for the next iteration.
        parameter.assign(net.parameters.get(parameter.name).read());
      }
    }
  });

  test('moves by plain momentum where Nesterov is off', () => {
    const [first, second] = [true, false].map((nesterov) => {
      const net = build();
      const sgd = new Sgd(net.parameters, { ...config, optimizer: { ...config.optimizer, nesterov } });
      const stem = net.parameters.get('first_conv.conv.conv.weight');
      const before = stem.read();
      trainStep(net, sgd, batchOf(16, 0), sandwich(config, 0), plainOptions);
      return stem.read().map((value, at) => value - before[at]!);
    });
    // In the first step v = g: with the look-ahead a value moves by 1 + momentum times as much.
    first!.forEach((moved, at) => expect(moved).toBeCloseTo(1.9 * second![at]!, 6));
    expect(Math.hypot(...second!)).toBeGreaterThan(1e-3);
  });

  test('leaves alone what none of its nets used, momentum and all', () => {
    const net = build();
    const sgd = new Sgd(net.parameters, config);
    const [max, , , min] = sandwich(config, 0);
    trainStep(net, sgd, batchOf(16, 0), [max!], plainOptions);
    const state = () =>
      [...net.parameters].map((parameter) => [parameter.name, parameter.read(), parameter.readMomentum()] as const);
    const before = state();
    trainStep(net, sgd, batchOf(16, 1), [min!], plainOptions);
    const changed = state().filter(([, value], at) => !value.every((v, i) => v === before[at]![1][i]));
    const names = changed.map(([name]) => name);
    // The min net has one block a stage.
    expect(names).toContain('blocks.0.conv1.conv.weight');
    expect(names).toContain('blocks.2.short_conv.conv.weight');
    expect(names.filter((name) => /^blocks\.[13]\./.test(name))).toEqual([]);
    const momentumOf = (all: ReturnType<typeof state>) =>
      all.find(([name]) => name === 'blocks.1.conv1.conv.weight')![2];
    expect(momentumOf(state())).toEqual(momentumOf(before));
  });

  test('teaches the labels to every net where distillation is off', () => {
    const nets = sandwich(config, 0);
    const losses = [true, false].map((distill) => {
      const net = build();
      return trainStep(net, new Sgd(net.parameters, config), batchOf(16, 0), nets, { ...plainOptions, distill }).losses;
    });
    expect(losses[0]![0]).toBe(losses[1]![0]);
    expect(losses[0]![1]).not.toBe(losses[1]![1]);
  });

  test('drops out and drops connections in the max net alone, by masks that iteration and seed decide', () => {
    const nets = sandwich(config, 0);
    const lossesWith = (regularisation: StepOptions['regularisation'], iteration = 0): number[] => {
      const net = build();
      // Blocks start as the identity: without this no branch would be missed.
      for (const parameter of net.parameters) {
        if (parameter.name.endsWith('.bn2.bn.weight')) parameter.assign(parameter.read().fill(1));
      }
      const options = { ...plainOptions, distill: false, iteration, regularisation };
      return trainStep(net, new Sgd(net.parameters, config), batchOf(16, 0), nets, options).losses;
    };
    const plain = lossesWith(plainOptions.regularisation);
    for (const regularisation of [
      { dropout: 0.5, dropConnect: 0, onlyLastTwoStages: false },
      { dropout: 0, dropConnect: 0.5, onlyLastTwoStages: false },
    ]) {
      const dropped = lossesWith(regularisation);
      expect(dropped[0]).not.toBe(plain[0]);
      expect(dropped.slice(1)).toEqual(plain.slice(1));
      expect(lossesWith(regularisation)).toEqual(dropped);
      expect(lossesWith(regularisation, 1)[0]).not.toBe(dropped[0]);
    }
  });

  test('frees all that it makes', () => {
    const net = build();
    const sgd = new Sgd(net.parameters, config);
    const nets = sandwich(config, 0);
    const live = [0, 1, 2, 3].map((iteration) => {
      trainStep(net, sgd, batchOf(16, iteration), nets, { ...plainOptions, iteration });
      return liveTensors();
    });
    expect(new Set(live).size).toBe(1);
  });
});
