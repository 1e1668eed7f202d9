import path from 'node:path';
import sharp from 'sharp';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { JpegOptions, Sharp } from 'sharp';
import { expect, test } from 'vitest';
import { drawAugmentation } from '../../nas/data/images/augmentation.ts';
import type { Augmentation } from '../../nas/data/images/augmentation.ts';
import { decodeImage, decodeJpeg, ImageError } from '../../nas/data/images/decode.ts';
import { hashInKernels, sourceHash } from '../../nas/data/images/kernels/kernels.ts';
import { Transformer } from '../../nas/data/images/transformer.ts';
import { testImage } from '../../nas/data/pictures.ts';
import { randomOf } from '../../nas/space/random.ts';
import { imagenetConfig } from '../support/image-folder.ts';

/** What torchvision made of the pictures beside it: test/fixtures/images/make.py. */
interface Expected {
  readonly made_by: string;
  readonly mean: number[];
  readonly std: number[];
  readonly resize: number;
  readonly cases: readonly {
    readonly file: string;
    readonly side: number;
    readonly change: Augmentation | null;
    readonly bytes: string;
    readonly sha256: string;
  }[];
}

const folder = path.join(import.meta.dirname, '..', 'fixtures', 'images');
const expected: Expected = JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8'));
const { mean, std, resize } = expected;
const normalise = { mean, std };
const { transforms } = imagenetConfig();
const room = (bytes: number): Uint8Array => new Uint8Array(bytes);

test(`pictures come out as torchvision makes them, bit for bit (${expected.made_by})`, async () => {
  for (const { file, side, change, bytes, sha256 } of expected.cases) {
    const made = new Float32Array(side * side * 3);
    const transformer = new Transformer(side, normalise);
    for (const memory of [room, (size: number) => transformer.memoryFor(size)]) {
      const image = await decodeImage(readFileSync(path.join(folder, file)), memory);
      if (change === null) transformer.test(image, resize, made);
      else transformer.train(image, change, made);
      // First what a reader understands, then every bit.
      const levels = Array.from(made, (value, i) => Math.round((value * std[i % 3]! + mean[i % 3]!) * 255) + 0);
      expect(levels, file).toEqual([...Buffer.from(bytes, 'base64')]);
      expect(createHash('sha256').update(made).digest('hex'), file).toBe(sha256);
    }
  }
});

test('a test image by its file alone is the same', async () => {
  const one = expected.cases.find(({ change, file }) => change === null && file === 'wide.jpg')!;
  const evaluation = { resize, crop: one.side };
  const config = { resolution: one.side, normalise, transforms: { ...transforms, evaluation } };
  const image = await testImage(path.join(folder, one.file), config);
  expect(createHash('sha256').update(image).digest('hex')).toBe(one.sha256);
});

test('a transformer gives the same image whatever it made before', async () => {
  const image = await decodeImage(readFileSync(path.join(folder, 'tall.jpg')));
  const large = await decodeImage(
    await sharp({ create: { width: 900, height: 700, channels: 3, background: 'red' } })
      .png()
      .toBuffer(),
  );
  const change = drawAugmentation(randomOf(0, 'image', 0, 5), transforms.training, image.width, image.height);
  const [first, again] = [new Float32Array(32 * 32 * 3), new Float32Array(32 * 32 * 3)];
  const transformer = new Transformer(32, normalise);
  transformer.train(image, change, first);
  transformer.test(large, 40, again);
  transformer.train(image, change, again);
  expect(again).toEqual(first);
});

/** Uniform draws reach both ends and balance in the middle. */
function expectUniform(values: readonly number[], low: number, high: number): void {
  expect(Math.min(...values)).toBeGreaterThanOrEqual(low);
  expect(Math.max(...values)).toBeLessThanOrEqual(high);
  const average = values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(Math.abs(average - (low + high) / 2)).toBeLessThan((high - low) / 30);
}

test('augmentations lie in the ranges of the config, and crops inside the image', () => {
  const drawn = Array.from({ length: 2000 }, (_, i) => drawAugmentation(randomOf(1, i), transforms.training, 500, 375));
  expectUniform(
    drawn.map(({ brightness }) => brightness),
    0.5,
    1.5,
  );
  expectUniform(
    drawn.map(({ contrast }) => contrast),
    0.5,
    1.5,
  );
  expectUniform(
    drawn.map(({ angle }) => angle),
    -15,
    15,
  );
  expectUniform(
    drawn.map(({ flip }) => Number(flip)),
    0,
    1,
  );
  expectUniform(
    drawn.map(({ brightnessFirst }) => Number(brightnessFirst)),
    0,
    1,
  );
  for (const { left, top, width, height } of drawn.map(({ crop }) => crop)) {
    expect(Math.min(left, top)).toBeGreaterThanOrEqual(0);
    expect([left + width <= 500, top + height <= 375]).toEqual([true, true]);
    expect(width / height).toBeGreaterThan(0.73);
    expect(width / height).toBeLessThan(1.37);
    expect((width * height) / (500 * 375)).toBeGreaterThan(0.078);
  }
  // The ratio is drawn in logarithms: out of a square as many crops are high as are wide.
  const square = Array.from({ length: 2000 }, (_, i) =>
    drawAugmentation(randomOf(1, i), transforms.training, 500, 500),
  );
  const high = square.filter(({ crop }) => crop.height > crop.width).length;
  expect(Math.abs(high / square.length - 0.5)).toBeLessThan(0.03);
});

test('an image too narrow for any crop is cut in its middle, as wide as may be', () => {
  const { crop } = drawAugmentation(randomOf(0), transforms.training, 8, 400);
  expect(crop).toEqual({ left: 0, top: 194, width: 8, height: 11 });
});

test('so is one too flat, as high as may be, and one of so few pixels that a crop would have none', () => {
  const flat = drawAugmentation(randomOf(0), transforms.training, 400, 8);
  expect(flat.crop).toEqual({ left: 194, top: 0, width: 11, height: 8 });
  const least = { scale: [0.01, 0.05] as [number, number], ratio: [1, 1] as [number, number] };
  const small = { ...transforms.training, random_resized_crop: least };
  expect(drawAugmentation(randomOf(0), small, 2, 2).crop).toEqual({ left: 0, top: 0, width: 2, height: 2 });
});

test('a crop lies anywhere in the image, its last place too, and images are flipped as often as the config says', () => {
  // Of three by three pixels two by two are cut out.
  const crop = { scale: [4 / 9, 4 / 9] as [number, number], ratio: [1, 1] as [number, number] };
  const given = { ...transforms.training, random_resized_crop: crop, horizontal_flip: 0.8 };
  const drawn = Array.from({ length: 1000 }, (_, i) => drawAugmentation(randomOf(3, i), given, 3, 3));
  const places = new Map<string, number>();
  for (const { crop: box } of drawn) {
    expect([box.width, box.height]).toEqual([2, 2]);
    places.set(`${box.left} ${box.top}`, (places.get(`${box.left} ${box.top}`) ?? 0) + 1);
  }
  expect([...places.keys()].toSorted()).toEqual(['0 0', '0 1', '1 0', '1 1']);
  for (const count of places.values()) expect(Math.abs(count - 250)).toBeLessThan(60);
  expect(Math.abs(drawn.filter(({ flip }) => flip).length - 800)).toBeLessThan(50);
});

test('JPEGs of every make are decoded to the bytes that sharp has for them', async () => {
  const random = randomOf(0, 'makes');
  const raw = { width: 37, height: 29, channels: 3 } as const;
  const picture = Uint8Array.from({ length: 37 * 29 * 3 }, (_, i) => (i % 111) + random.integer(100));
  const encoded = (options: JpegOptions): Sharp => sharp(picture, { raw }).jpeg(options);
  const makes = [
    encoded({ quality: 95, chromaSubsampling: '4:4:4' }),
    encoded({ quality: 30, chromaSubsampling: '4:2:0' }),
    encoded({ progressive: true }),
    encoded({}).grayscale(),
    encoded({}).withMetadata({ orientation: 6, icc: 'p3' }),
  ];
  for (const make of makes) {
    const bytes = await make.toBuffer();
    const pixels = await sharp(bytes, { ignoreIcc: true }).toColourspace('srgb').raw().toBuffer();
    expect(decodeJpeg(bytes, 37 * 29, room)).toEqual({ width: 37, height: 29, data: new Uint8Array(pixels) });
  }
});

test('a JPEG too large or with a fault is none for the fast decoder, sharp has the last word, and the next one is fast again', async () => {
  const create = { width: 40, height: 30, channels: 3, background: 'teal' } as const;
  const plain = await sharp({ create }).jpeg().toBuffer();
  expect(decodeJpeg(plain, 40 * 30, room)).toBeDefined();
  expect(decodeJpeg(plain, 40 * 30 - 1, room)).toBeUndefined();
  // Bytes before the end that belong to nothing: libjpeg warns, and every decoder shows the picture.
  const untidy = Buffer.concat([plain.subarray(0, -2), Buffer.alloc(9), plain.subarray(-2)]);
  expect(decodeJpeg(untidy, 40 * 30, room)).toBeUndefined();
  expect([...(await decodeImage(untidy)).data]).toEqual([...(await decodeImage(plain)).data]);
  const faultyHeader = Buffer.concat([plain.subarray(0, 2), Buffer.alloc(2), plain.subarray(2)]);
  expect(decodeJpeg(faultyHeader, 40 * 30, room)).toBeUndefined();
  expect(decodeJpeg(plain, 40 * 30, room)).toBeDefined();
});

test('what is no image, only part of one, or a drawing is told', async () => {
  const whole = readFileSync(path.join(folder, 'wide.jpg'));
  await expect(decodeImage(Buffer.from('not an image'))).rejects.toThrow(ImageError);
  await expect(decodeImage(whole.subarray(0, whole.length >> 1))).rejects.toThrow(ImageError);
  await expect(decodeImage(Buffer.alloc(0))).rejects.toThrow(ImageError);
  const drawing = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><rect width="20" height="20"/></svg>';
  await expect(decodeImage(Buffer.from(drawing))).rejects.toThrow('SVG is no format of pictures');
});

test('kernels.wasm was made from kernels.as as it is (npm run kernels)', () => {
  expect(hashInKernels()).toBe(sourceHash());
});
