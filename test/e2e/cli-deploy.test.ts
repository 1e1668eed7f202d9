import path from 'node:path';
import * as ort from 'onnxruntime-web';
import sharp from 'sharp';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { beforeAll, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { sha256File } from '../../artifacts/files.ts';
import { JsonValue } from '../../artifacts/json.ts';
import { plainBatches } from '../../nas/data/batches.ts';
import type { Batch } from '../../nas/data/batches.ts';
import { referenceLogits } from '../support/reference.ts';
import { parseArchCode } from '../../nas/space/arch-code.ts';
import { subnetOf } from '../../nas/space/space.ts';
import { Supernet } from '../../nas/supernet/supernet.ts';
import { saveSupernet } from '../../nas/supernet/weights.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { nas } from '../support/nas.ts';
import { tinySupernet } from '../support/training-configs.ts';
import { openDataset } from '../../nas/data/open.ts';
import { sharedFolder } from '../support/temporary-folder.ts';

// Every command is a process of its own: seconds each where the machine is busy.
vi.setConfig({ testTimeout: 150_000 });

// Its threads would only wait for each other on a busy machine.
ort.env.wasm.numThreads = 1;
const config = tinySupernet();
const { space, dataset, calibration } = config;
const ARCH = '111222002200';
const folder = sharedFolder();
const environment = { NAS_RESULTS: path.join(folder, 'results') };
const supernet = path.join(folder, 'results/run/one-shot/0.5_1.safetensors');
/** The same file where no manifest is: it is known by its bytes. */
const copy = path.join(folder, 'copy.safetensors');
const pictures = [0, 1, 2].map((index) => path.join(folder, `${index}.png`));
const out = path.join(folder, 'out');
const written = (format: string): string => path.join(out, `subnet-${ARCH}.${format}`);
/** What the evaluation finds for the pictures. */
let expected: number[][];
let images: Batch;

beforeAll(async () => {
  await mkdir(path.dirname(supernet), { recursive: true });
  const net = Supernet.build({ space, classes: 10, groups: 1, seed: 1 });
  const { sha256 } = saveSupernet(net, supernet);
  copyFileSync(supernet, copy);
  copyFileSync(supernet, path.join(path.dirname(supernet), 'supernet_max_kt.safetensors'));
  const selected = { file: 'run/one-shot/0.5_1.safetensors', sha256, epoch: 1, tau: 0.5, groups: 1 };
  const files = [{ file: 'run/one-shot/supernet_max_kt.safetensors', sha256 }];
  const made = { stage: 'first', config: JsonValue.parse(config), outputs: { selected }, files };
  await finishedStage(environment.NAS_RESULTS, 'run/one-shot', 'train-supernet', made);

  const opened = await openDataset(dataset);
  const batchesOf = async (part: 'calibration' | 'test', batchSize: number, limit: number): Promise<Batch[]> => {
    const all: Batch[] = [];
    for await (const batch of plainBatches(opened, opened.part(part), { batchSize, limit })) all.push(batch);
    return all;
  };
  const tested = await batchesOf('test', pictures.length, pictures.length);
  images = tested[0]!;
  const [mean, std] = [dataset.normalise.mean[0]!, dataset.normalise.std[0]!];
  for (const [at, file] of pictures.entries()) {
    const pixels = images.images
      .subarray(at * 784, (at + 1) * 784)
      .map((value) => Math.round(255 * (value * std + mean)));
    const raw = { width: 28, height: 28, channels: 1 } as const;
    await sharp(Uint8Array.from(pixels), { raw }).png().toFile(file);
  }
  const subnet = subnetOf(space, parseArchCode(space, ARCH));
  const { batches, batch_size: size } = calibration;
  const [logits] = referenceLogits(net, subnet, await batchesOf('calibration', size, batches * size), tested);
  expected = pictures.map((_, at) => Array.from(logits!.subarray(at * 10, (at + 1) * 10)));
  net.dispose();
});

const Predictions = z.object({
  predictions: z.array(z.object({ image: z.string(), logits: z.array(z.number()), top: z.array(z.unknown()) })),
});

async function logitsOf(...args: string[]): Promise<number[][]> {
  const { stdout, stderr } = await nas(['predict', ...args, ...pictures, '--json'], environment);
  expect(stderr).toBe('');
  return Predictions.parse(JSON.parse(stdout)).predictions.map(({ logits }) => logits);
}

function expectClose(got: readonly number[][], tolerance: number): void {
  expect(got).toHaveLength(expected.length);
  const apart = got.flatMap((logits, at) => logits.map((value, label) => Math.abs(value - expected[at]![label]!)));
  expect(Math.max(...apart)).toBeLessThan(tolerance);
}

test('what is predicted of pictures, and exported, has the logits of the evaluation', async () => {
  const exported = await nas(
    ['export', '--supernet', 'run/one-shot', '--arch', ARCH, '--out', out, '--json'],
    environment,
  );
  expect(exported.stderr).toBe('');
  expect(JSON.parse(exported.stdout)).toMatchObject({
    network: { arch: ARCH, classes: 10, calibration: { dataset: 'fashion-tiny', batches: 2, batch_size: 60 } },
    files: [
      { format: 'safetensors', file: written('safetensors'), sha256: await sha256File(written('safetensors')) },
      { format: 'onnx', file: written('onnx') },
    ],
  });
  const [bySupernet, byStage, byFile] = await Promise.all([
    logitsOf('--supernet', copy, '--arch', ARCH),
    logitsOf('--supernet', 'run/first', '--arch', ARCH),
    logitsOf('--model', written('safetensors')),
  ]);
  expectClose(bySupernet, 1e-4);
  expect(byStage).toEqual(bySupernet);
  expectClose(byFile, 1e-4);

  const session = await ort.InferenceSession.create(readFileSync(written('onnx')));
  const { logits } = await session.run({
    images: new ort.Tensor('float32', images.images, [pictures.length, 1, 28, 28]),
  });
  const data = z.instanceof(Float32Array).parse(await logits?.getData());
  expectClose(
    pictures.map((_, at) => Array.from(data.subarray(at * 10, (at + 1) * 10))),
    1e-4,
  );
});

test('a file that no manifest knows needs its space, data set and K, and a code of that space', async () => {
  const elsewhere = { NAS_RESULTS: path.join(folder, 'nowhere') };
  const subnet = ['--supernet', copy, '--arch', ARCH];
  const [unknown, other] = await Promise.all([
    nas(['predict', ...subnet, ...pictures], elsewhere),
    nas(['predict', ...subnet, ...pictures, '--space', 'fashion', '--dataset', 'fashion', '--groups', '1'], elsewhere),
  ]);
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('give --space, --dataset and --groups') });
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('--arch: arch code "111222002200"') });
});

test('what is no picture, no network, or no subnet of the space is refused with exit code 2', async () => {
  const text = path.join(folder, 'text.png');
  writeFileSync(text, 'no picture');
  const subnet = ['--supernet', supernet, '--arch', ARCH];
  const [picture, network, arch, both] = await Promise.all([
    nas(['predict', ...subnet, text], environment),
    nas(['predict', '--model', supernet, pictures[0]!], environment),
    nas(['export', '--supernet', supernet, '--arch', '1', '--out', out], environment),
    nas(['predict', ...subnet, '--model', supernet, pictures[0]!], environment),
  ]);
  expect(picture).toMatchObject({ code: 2, stderr: expect.stringContaining('text.png: expected a picture') });
  expect(network).toMatchObject({ code: 2, stderr: expect.stringContaining('that `nas export` wrote') });
  expect(arch).toMatchObject({ code: 2, stderr: expect.stringContaining('--arch: arch code "1"') });
  expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('--model: expected it alone') });
});
