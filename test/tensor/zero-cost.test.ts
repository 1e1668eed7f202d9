import { expect, test } from 'vitest';
import { gradientNorm, naswot } from '../../nas/evaluation/zero-cost/measures.ts';
import { untrained } from '../../nas/evaluation/zero-cost/score.ts';
import { logSynflow } from '../../nas/evaluation/zero-cost/synflow.ts';
import { blockLayers, hasShortcut, stemLayer } from '../../nas/space/network.ts';
import type { ConvNorm } from '../../nas/space/network.ts';
import { randomOf } from '../../nas/space/random.ts';
import { maxArchitecture, minArchitecture, randomArchitecture } from '../../nas/space/sampling.ts';
import { subnetOf } from '../../nas/space/space.ts';
import type { Subnet } from '../../nas/space/space.ts';
import type { Supernet } from '../../nas/supernet/supernet.ts';
import { liveTensors, readFloats, scope, tensor } from '../../nas/supernet/tensorflow.ts';
import { trainedPass } from '../../nas/supernet/trained-pass.ts';
import { crossEntropy, smoothedTargets } from '../../nas/training/step.ts';
import { committedSpace } from '../support/spaces.ts';
import { tinySpace } from '../support/tiny-supernet.ts';

// Each measure against a slow plain one, or one of another construction.

const CLASSES = 5;
const IMAGES = 6;
const random = randomOf(1, 'zero-cost');
const subnets = [
  minArchitecture(tinySpace),
  maxArchitecture(tinySpace),
  randomArchitecture(tinySpace, random),
  randomArchitecture(tinySpace, random),
].map((architecture) => subnetOf(tinySpace, architecture));
const side = tinySpace.resolutions.at(-1)!;
const pixels = Float32Array.from({ length: IMAGES * side * side * tinySpace.channels }, () => random.normal());
const images = tensor(pixels, [IMAGES, side, side, tinySpace.channels]);
const labels = Int32Array.from({ length: IMAGES }, (_, image) => image % CLASSES);

function eachNet(check: (net: Supernet, subnet: Subnet) => void): void {
  for (const subnet of subnets) {
    const net = untrained(tinySpace, subnet, CLASSES, 3);
    const before = liveTensors();
    check(net, subnet);
    net.parameters.releaseSlices();
    expect(liveTensors()).toBeLessThanOrEqual(before);
    net.dispose();
  }
}

test('the gradient norm is that of the loss that training descends, layer by layer', () => {
  eachNet((net, subnet) => {
    const measured = gradientNorm(net, subnet, images, labels);
    let plain = 0;
    scope(() => {
      const { logits, tape } = trainedPass(net, images, subnet);
      tape.backward(crossEntropy(logits, smoothedTargets(labels, CLASSES, 0)).gradient);
      for (const { kind, shape, gradient } of net.parameters) {
        if ((kind !== 'conv' && kind !== 'linear') || !gradient.total()) continue;
        expect(shape.length).toBeGreaterThan(1);
        plain += Math.hypot(...readFloats(gradient.total()!));
      }
    });
    net.parameters.zeroGradients();
    expect(plain).toBeGreaterThan(0);
    expect(measured).toBeCloseTo(plain, 4);
  });
});

test('SynFlow is the growth of the flow where all weights grow alike, as differences show it', () => {
  eachNet((net, subnet) => {
    const step = 1e-4;
    const growth = (plainFlow(net, subnet, 1 + step) - plainFlow(net, subnet, 1 - step)) / (2 * step);
    expect(logSynflow(net, subnet)).toBeCloseTo(Math.log(growth), 4);
  });
});

test('SynFlow is a number in the space of ImageNet too, whose flow float32 does not hold', () => {
  const space = committedSpace('imagenet');
  const subnet = subnetOf(space, minArchitecture(space));
  const net = untrained(space, subnet, 1000, 1);
  expect(logSynflow(net, subnet)).toBeGreaterThan(20);
  net.dispose();
});

test('NASWOT is the logarithm of the determinant of how many units two images have alike', () => {
  eachNet((net, subnet) => {
    const units = plainUnits(net, subnet);
    const alike = units.map((a) => units.map((b) => a.filter((on, at) => on === b[at]).length));
    expect(naswot(net, subnet, images)).toBeCloseTo(Math.log(Math.abs(determinant(alike))), 5);
  });
});

/** Maps of several images: [image][channel][row][column]. */
type Maps = number[][][][];

/** Of each image, which of the units are on: layer after layer, element after element, in float64. */
function plainUnits(net: Supernet, subnet: Subnet): boolean[][] {
  const units: boolean[][] = Array.from({ length: IMAGES }, () => []);
  const activated = (x: Maps): Maps => {
    for (const [image, maps] of x.entries()) units[image]!.push(...maps.flat(2).map((value) => value > 0));
    return mapped(x, (value) => Math.max(0, value));
  };
  const layer = (x: Maps, at: ConvNorm): Maps => normalised(convolved(x, net, at));
  const { blocks } = net.networkOf(subnet);
  let x = pooled(activated(layer(plainImages(), stemLayer(net.space, subnet.stem))));
  for (const block of blocks) {
    const { conv1, conv2, shortcut } = blockLayers(block);
    const inner = layer(activated(layer(x, conv1)), conv2);
    const beside = hasShortcut(block) ? layer(x, shortcut) : x;
    x = activated(sumOf(inner, beside));
  }
  return units;
}

/** The sum of the logits of an image of ones, but for the bias, where weights are magnitudes times `factor` and nothing is normalised. */
function plainFlow(net: Supernet, subnet: Subnet, factor: number): number {
  const layer = (x: Maps, at: ConvNorm): Maps => convolved(x, net, at, (weight) => factor * Math.abs(weight));
  const { blocks, classifier } = net.networkOf(subnet);
  let x = pooled(
    layer([plainImages()[0]!.map((map) => map.map((row) => row.map(() => 1)))], stemLayer(net.space, subnet.stem)),
  );
  for (const block of blocks) {
    const { conv1, conv2, shortcut } = blockLayers(block);
    x = sumOf(layer(layer(x, conv1), conv2), hasShortcut(block) ? layer(x, shortcut) : x);
  }
  const { weight } = net.classifier(classifier);
  const [, inputs] = weight.shape;
  const values = weight.read(); // [classes, in]
  return x[0]!.reduce((sum, map, c) => {
    const mean = map.flat().reduce((total, value) => total + value, 0) / map.flat().length;
    const out = Array.from({ length: CLASSES }, (_, o) => factor * Math.abs(values[o * inputs! + c]!));
    return sum + mean * out.reduce((total, value) => total + value, 0);
  }, 0);
}

function plainImages(): Maps {
  const { channels } = tinySpace;
  return grid(IMAGES, channels, side, (n, c, i, j) => pixels[((n * side + i) * side + j) * channels + c]!);
}

function sumOf(a: Maps, b: Maps): Maps {
  return grid(a.length, a[0]!.length, a[0]![0]!.length, (n, c, i, j) => a[n]![c]![i]![j]! + b[n]![c]![i]![j]!);
}

function convolved(x: Maps, net: Supernet, at: ConvNorm, of = (weight: number): number => weight): Maps {
  const { weight } = net.convNorm(at);
  const [, inputs] = weight.shape;
  const values = weight.read(); // [out, in, k, k]
  const { kernel: k, stride } = at;
  const pad = Math.floor(k / 2);
  return grid(x.length, at.out, Math.ceil(x[0]![0]!.length / stride), (n, o, i, j) => {
    let sum = 0;
    for (let c = 0; c < at.in; c++) {
      for (let a = 0; a < k; a++) {
        for (let b = 0; b < k; b++) {
          const pixel = x[n]![c]![i * stride + a - pad]?.[j * stride + b - pad] ?? 0;
          sum += pixel * of(values[((o * inputs! + c) * k + a) * k + b]!);
        }
      }
    }
    return sum;
  });
}

/** By the statistics of the batch, channel by channel. */
function normalised(x: Maps): Maps {
  const scales = x[0]!.map((_, c) => {
    const values = x.flatMap((maps) => maps[c]!.flat());
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    return { mean, deviation: Math.sqrt(variance + 1e-5) };
  });
  return mapped(x, (value, c) => (value - scales[c]!.mean) / scales[c]!.deviation);
}

/** The largest of 3×3, every second one. */
function pooled(x: Maps): Maps {
  return grid(x.length, x[0]!.length, Math.ceil(x[0]![0]!.length / 2), (n, c, i, j) =>
    Math.max(...[-1, 0, 1].flatMap((a) => [-1, 0, 1].map((b) => x[n]![c]![2 * i + a]?.[2 * j + b] ?? -Infinity))),
  );
}

function mapped(x: Maps, of: (value: number, channel: number) => number): Maps {
  return x.map((maps) => maps.map((map, c) => map.map((row) => row.map((value) => of(value, c)))));
}

function grid(
  count: number,
  channels: number,
  size: number,
  of: (image: number, channel: number, row: number, column: number) => number,
): Maps {
  return list(count, (n) => list(channels, (c) => list(size, (i) => list(size, (j) => of(n, c, i, j)))));
}

/** By elimination. */
function determinant(matrix: readonly (readonly number[])[]): number {
  const rows = matrix.map((row) => [...row]);
  return rows.reduce((product, row, at) => {
    for (const below of rows.slice(at + 1)) {
      const factor = below[at]! / row[at]!;
      for (const column of row.keys()) below[column]! -= factor * row[column]!;
    }
    return product * row[at]!;
  }, 1);
}

function list<T>(length: number, make: (at: number) => T): T[] {
  return Array.from({ length }, (_, at) => make(at));
}
