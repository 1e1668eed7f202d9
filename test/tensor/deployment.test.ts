import path from 'node:path';
import * as ort from 'onnxruntime-web';
import { readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256File } from '../../artifacts/files.ts';
import type { Batch } from '../../nas/data/batches.ts';
import { calibrate, extractSubnet } from '../../nas/deployment/calibrated-network.ts';
import { readNetwork, StaticNetwork, writeNetwork } from '../../nas/deployment/static-network.ts';
import { writeOnnx } from '../../nas/deployment/onnx.ts';
import { referenceLogits } from '../support/reference.ts';
import { parseArchCode } from '../../nas/space/arch-code.ts';
import { subnetOf } from '../../nas/space/space.ts';
import type { Supernet } from '../../nas/supernet/supernet.ts';
import { liveTensors } from '../../nas/supernet/tensorflow.ts';
import { saveSupernet } from '../../nas/supernet/weights.ts';
import { readSafetensorsHeader } from '../../nas/weights/safetensors.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { noise, TINY_CLASSES, tinySpace, tinySupernet } from '../support/tiny-supernet.ts';

const SIDE = 32;
// The largest; out widths that differ inside a stage; the shallowest.
const archs = ['12311111111111', '12223311321300', '11132300120000'];
const images = noise(12, SIDE);
const batch = (from: number, to: number): Batch => ({
  images: images.subarray(from * SIDE * SIDE * 3, to * SIDE * SIDE * 3),
  labels: new Int32Array(to - from),
  indices: new Int32Array(to - from),
});
const calibration = [batch(0, 4), batch(4, 8)];
const tested = batch(8, 12);

// Its threads would only wait for each other on a busy machine.
ort.env.wasm.numThreads = 1;
const nets = new Map<number, Supernet>();
beforeAll(() => {
  for (const groups of [1, 2]) nets.set(groups, tinySupernet(groups));
});
afterAll(() => {
  for (const net of nets.values()) net.dispose();
});

async function networkOf(arch: string, groups: number, net = nets.get(groups)!): Promise<StaticNetwork> {
  const { space } = net;
  const subnet = subnetOf(space, parseArchCode(space, arch));
  const weights = extractSubnet(net, subnet);
  const source = { space, epsilon: net.epsilon, batches: calibration };
  const statistics = await calibrate(net.networkOf(subnet), weights, source, () => {});
  const sha256 = '0'.repeat(64);
  return new StaticNetwork(
    {
      version: 1,
      arch,
      space,
      classes: TINY_CLASSES,
      class_names: null,
      epsilon: net.epsilon,
      picture: { channels: 3, resize: SIDE, crop: SIDE, mean: [0, 0, 0], std: [1, 1, 1] },
      calibration: { part: 'calibration', batches: 2, batch_size: 4, dataset: 'noise', sha256 },
      supernet: { sha256, groups },
    },
    [...weights, ...statistics],
  );
}

/** The largest difference of two lists of logits. */
function apart(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((value, at) => Math.abs(value - b[at]!)));
}

/** Logits of ONNX Runtime, which takes images as [n, channels, side, side]. */
async function runtimeLogits(file: string): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(readFileSync(file));
  const pixels = SIDE * SIDE;
  const planes = tested.images.map((_, at) => {
    const [image, channel, pixel] = [Math.floor(at / (3 * pixels)), Math.floor(at / pixels) % 3, at % pixels];
    return tested.images[(image * pixels + pixel) * 3 + channel]!;
  });
  const { logits } = await session.run({ images: new ort.Tensor('float32', planes, [4, 3, SIDE, SIDE]) });
  await session.release();
  expect(logits?.dims).toEqual([4, TINY_CLASSES]);
  const data = await logits?.getData();
  if (!(data instanceof Float32Array)) throw new Error('expected float32 logits');
  return data;
}

test.each([1, 2])(
  'a subnet of a supernet with K = %i gives the same logits as a network of its own',
  async (groups) => {
    for (const arch of archs) {
      const subnet = subnetOf(tinySpace, parseArchCode(tinySpace, arch));
      const [expected] = referenceLogits(nets.get(groups)!, subnet, calibration, [tested]);
      expect(apart((await networkOf(arch, groups)).logits(tested.images), expected!), arch).toBeLessThan(1e-5);
    }
  },
);

test('ONNX Runtime opens what is exported, and finds the same logits', async () => {
  const folder = temporaryFolder();
  for (const arch of archs) {
    const network = await networkOf(arch, 2);
    const file = path.join(folder, `${arch}.onnx`);
    const { sha256, bytes } = await writeOnnx(file, network);
    expect({ sha256, bytes }).toEqual({ sha256: await sha256File(file), bytes: statSync(file).size });
    expect(apart(await runtimeLogits(file), network.logits(tested.images)), arch).toBeLessThan(1e-4);
  }
});

test.each(['silu', 'mish'] as const)('with %s behind every block too', async (activation) => {
  const net = tinySupernet(1, { space: { ...tinySpace, activation } });
  const arch = archs[1]!;
  const network = await networkOf(arch, 1, net);
  const [expected] = referenceLogits(net, subnetOf(tinySpace, parseArchCode(tinySpace, arch)), calibration, [tested]);
  expect(apart(network.logits(tested.images), expected!)).toBeLessThan(1e-5);
  const file = path.join(temporaryFolder(), 'subnet.onnx');
  await writeOnnx(file, network);
  expect(apart(await runtimeLogits(file), expected!)).toBeLessThan(1e-4);
  net.dispose();
});

test('a safetensors file has the names of torchvision, and read again it is the same network', async () => {
  const file = path.join(temporaryFolder(), 'subnet.safetensors');
  const network = await networkOf(archs[1]!, 1);
  writeNetwork(file, network);
  const again = readNetwork(file);
  expect(again.description).toEqual(network.description);
  expect(apart(again.logits(tested.images), network.logits(tested.images))).toBe(0);
  const { tensors } = readSafetensorsHeader(file);
  expect(Object.fromEntries(tensors.map(({ name, shape }) => [name, shape.join('×')]))).toMatchObject({
    'conv1.weight': '6×3×7×7',
    'bn1.running_var': '6',
    'layer1.1.conv2.weight': '8×8×3×3',
    'layer2.0.downsample.0.weight': '9×8×1×1',
    'layer2.0.downsample.1.running_mean': '9',
    'fc.weight': '5×6',
  });
});

test('a file that is a supernet, or lacks a tensor, is refused', async () => {
  const folder = temporaryFolder();
  const file = path.join(folder, 'supernet.safetensors');
  saveSupernet(nets.get(1)!, file);
  expect(() => readNetwork(file)).toThrow('expected a network that `nas export` wrote');
  const { description, tensors } = await networkOf(archs[2]!, 1);
  const strange = { ...description, class_names: ['one'] };
  writeNetwork(file, new StaticNetwork(strange, tensors));
  expect(() => readNetwork(file)).toThrow('expected a name for every class');
  const missing = 'network 11132300120000: bn1.weight: expected 4, got nothing';
  expect(
    () =>
      new StaticNetwork(
        description,
        tensors.filter(({ name }) => name !== 'bn1.weight'),
      ),
  ).toThrow(missing);
});

test('a network with a number that is not finite is refused', async () => {
  const file = path.join(temporaryFolder(), 'broken.safetensors');
  const network = await networkOf(archs[2]!, 1);
  const bias = network.tensors.find(({ name }) => name === 'fc.bias')!;
  bias.data[1] = Infinity;
  writeNetwork(file, network);
  expect(() => readNetwork(file)).toThrow('fc.bias[1]: expected finite numbers, got Infinity');
});

test('nothing stays behind in memory', async () => {
  const before = liveTensors();
  (await networkOf(archs[0]!, 2)).logits(tested.images);
  expect(liveTensors()).toBe(before);
});
