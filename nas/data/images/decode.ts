import { BadInput } from '../../../plan/endings.ts';
import sharp from 'sharp';
import koffi from 'koffi';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { OutputInfo } from 'sharp';

/** A decoded image: [height, width, 3] bytes, red, green, blue. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Gives memory for so many bytes. */
type Room = (bytes: number) => Uint8Array;

/** Bytes that are no image that can be read. */
export class ImageError extends BadInput {}

/** Coordinates are 16-bit numbers with 16 bits behind the point. */
const LARGEST_SIDE = 32_767;

/** Pixels beyond which a file is taken for a mistake (or an attack): some 400 MB of work. */
const LARGEST_IMAGE = 100_000_000;

// One image at a time a thread, each of them another one: nothing to share out, nothing to find again.
sharp.concurrency(1);
sharp.cache(false);

/**
 * Decodes a JPEG or PNG to the same bytes as Pillow's `Image.open(…).convert('RGB')`: neither turned by its EXIF
 * orientation nor changed by a colour profile, transparency left out. CMYK alone comes out a little different.
 * @param room for the pixels, if there is some to be used again; they may also come elsewhere
 * @throws ImageError for what is no image, cut off, or too large
 */
export async function decodeImage(bytes: Uint8Array, room: Room = (size) => new Uint8Array(size)): Promise<Pixels> {
  const pixels = decodeJpeg(bytes, LARGEST_IMAGE, room) ?? (await decodeWithSharp(bytes));
  const { width, height } = pixels;
  if (Math.max(width, height) > LARGEST_SIDE) {
    throw new ImageError(`expected sides of at most ${LARGEST_SIDE} pixels, got ${width}×${height}`);
  }
  return pixels;
}

/** What is no JPEG, or one that has to be looked at more closely; says what is wrong with a broken image. */
async function decodeWithSharp(bytes: Uint8Array): Promise<Pixels> {
  const { data, info } = await rawOf(bytes).catch((cause: unknown) => {
    throw new ImageError(cause instanceof Error ? cause.message : String(cause), { cause });
  });
  const { width, height, channels } = info;
  return { width, height, data: channels === 3 ? data : coloured(data, channels) };
}

/** Grey to red, green and blue alike, and alpha left out: `channels` are 1, 2 or 4. */
function coloured(data: Uint8Array, channels: number): Uint8Array {
  const [green, blue] = channels === 4 ? [1, 2] : [0, 0];
  const colours = new Uint8Array((data.length / channels) * 3);
  for (let from = 0, to = 0; to < colours.length; from += channels, to += 3) {
    colours[to] = data[from]!;
    colours[to + 1] = data[from + green]!;
    colours[to + 2] = data[from + blue]!;
  }
  return colours;
}

async function rawOf(bytes: Uint8Array): Promise<{ data: Buffer; info: OutputInfo }> {
  // Not read in strips: these images are small, and the lines between threads would cost more than they save.
  const options = { failOn: 'error', ignoreIcc: true, limitInputPixels: LARGEST_IMAGE, sequentialRead: false } as const;
  return await sharp(bytes, options).raw().toBuffer({ resolveWithObject: true });
}

// JPEGs by libjpeg-turbo, called directly: Pillow has the same one inside, and sharp takes twice as long to the same bytes.

// Of turbojpeg.h, version 3: what a handle is for, its parameters, colour spaces, pixel formats.
const DECOMPRESS = 1;
const STOP_ON_WARNING = 0;
const [WIDTH, HEIGHT, COLOUR_SPACE] = [5, 6, 8];
const FOUR_INKS = 3;
const RGB = 0;

const require = createRequire(import.meta.url);
const folder = dirname(require.resolve('@julusian/jpeg-turbo/package.json'));
const library = koffi.load(join(folder, 'prebuilds', `jpeg-turbo-linux-${process.arch}`, 'libturbojpeg.so.0'));
const createHandle = library.func('void *tj3Init(int purpose)');
const setParameter = library.func('int tj3Set(void *handle, int name, int value)');
const parameter = library.func('int tj3Get(void *handle, int name)');
const readHeader = library.func('int tj3DecompressHeader(void *handle, const uint8_t *bytes, size_t size)');
const decompress = library.func(
  'int tj3Decompress8(void *handle, const uint8_t *bytes, size_t size, _Out_ uint8_t *pixels, int pitch, int format)',
);

// One for each thread, for as long as it lives.
const handle: unknown = createHandle(DECOMPRESS);
setParameter(handle, STOP_ON_WARNING, 1);

/**
 * Decodes a JPEG of at most `most` pixels into `room(bytes)`; undefined for what is none, has four inks, or makes
 * libjpeg-turbo complain.
 */
export function decodeJpeg(bytes: Uint8Array, most: number, room: Room): Pixels | undefined {
  if (readHeader(handle, bytes, bytes.length) !== 0) return undefined;
  const width: number = parameter(handle, WIDTH);
  const height: number = parameter(handle, HEIGHT);
  if (width * height > most || parameter(handle, COLOUR_SPACE) >= FOUR_INKS) return undefined;
  const data = room(width * height * 3);
  if (decompress(handle, bytes, bytes.length, data, 0, RGB) !== 0) return undefined;
  return { width, height, data };
}
