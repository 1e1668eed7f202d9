import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import koffi from 'koffi';
import sharp from 'sharp';
import type { Metadata, SharpInput } from 'sharp';
import { BadInput, FileFault } from '../../../plan/endings.ts';

/** A decoded image: [height, width, 3] bytes, red, green, blue. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Gives memory for so many bytes. */
type Allocate = (bytes: number) => Uint8Array;

/** Bytes that are no image; the message says in what way. */
export class ImageError extends BadInput {}

/** What an image file may be, by its bytes and not by its name, as sharp calls it. */
const FORMATS: ReadonlySet<string> = new Set(['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif']);

const PNG_START = 0x89;

/** Coordinates are 16-bit numbers with 16 bits behind the point. */
const LARGEST_SIDE = 32_767;

/** Pixels beyond which a file is taken for a mistake (or an attack): some 400 MB of work. */
const LARGEST_IMAGE = 100_000_000;

// Each thread decodes one image at a time, and never the same one twice.
sharp.concurrency(1);
sharp.cache(false);

/**
 * Reads and decodes an image file, as `decodeImage` does.
 * @throws ImageError for bytes that are no image; FileFault where the file could not be read
 */
export async function readImage(image: string | FilePiece, allocate?: Allocate): Promise<Pixels> {
  return await decodeImage(readBytes(image), allocate);
}

/** An image that is a piece of a larger file. */
export interface FilePiece {
  /** Absolute path. */
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

/** Synchronously: a thread that reads images has nothing else to do meanwhile. */
function readBytes(image: string | FilePiece): Uint8Array {
  try {
    return typeof image === 'string' ? readFileSync(image) : readPiece(image);
  } catch (cause) {
    throw new FileFault(typeof image === 'string' ? image : image.file, cause);
  }
}

function readPiece({ file, offset, bytes }: FilePiece): Uint8Array {
  const piece = Buffer.alloc(bytes);
  const handle = openSync(file, 'r');
  try {
    const read = readSync(handle, piece, 0, bytes, offset);
    if (read === bytes) return piece;
    throw new Error(`expected ${bytes} bytes at ${offset}, got ${read}`);
  } finally {
    closeSync(handle);
  }
}

/**
 * Looks at the beginning of an image file only.
 * @throws ImageError where it is of no format that can be read; FileFault where the file could not be read
 */
export async function readHeader(file: string): Promise<void> {
  try {
    const handle = await open(file);
    try {
      await handle.read(Buffer.alloc(1));
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw new FileFault(file, cause);
  }
  await formatOf(file);
}

/**
 * Decodes an image to the same bytes as Pillow's `Image.open(…).convert('RGB')`: neither turned by its EXIF orientation
 * nor changed by a colour profile, transparency left out, of several pictures the first.
 * @param allocate gives the memory for the pixels, if there is some to be used again; they may also come elsewhere
 * @throws ImageError for what is no image, cut off, or too large
 */
export async function decodeImage(
  bytes: Uint8Array,
  allocate: Allocate = (size) => new Uint8Array(size),
): Promise<Pixels> {
  const pixels = decodeJpeg(bytes, LARGEST_IMAGE, allocate) ?? (await decodeWithSharp(bytes));
  const { width, height } = pixels;
  if (Math.max(width, height) > LARGEST_SIDE) {
    throw new ImageError(`${width}×${height} pixels, more than ${LARGEST_SIDE} a side`);
  }
  return pixels;
}

/** For other formats, and for JPEGs that the fast decoder complains of: sharp says whether they are broken, and how. */
async function decodeWithSharp(bytes: Uint8Array): Promise<Pixels> {
  // A PNG cannot have four inks: the one format that need not be asked.
  const isInks = bytes[0] !== PNG_START && (await formatOf(bytes)).space === 'cmyk';
  // Not read in strips: these images are small, and the lines between threads would cost more than they save.
  const options = { failOn: 'error', ignoreIcc: true, limitInputPixels: LARGEST_IMAGE, sequentialRead: false } as const;
  const { data, info } = await bySharp(async () => {
    const image = sharp(bytes, options);
    if (isInks) image.pipelineColourspace('cmyk').toColourspace('cmyk');
    return await image.raw().toBuffer({ resolveWithObject: true });
  });
  const { width, height, channels } = info;
  if (channels === 3) return { width, height, data };
  const colours = new Uint8Array(width * height * 3);
  if (isInks)
    mixInks(
      data.map((ink) => 255 - ink),
      colours,
    );
  else spread(data, channels, colours);
  return { width, height, data: colours };
}

async function formatOf(image: SharpInput): Promise<Metadata> {
  const metadata = await bySharp(async () => await sharp(image).metadata());
  if (FORMATS.has(metadata.format)) return metadata;
  throw new ImageError(`${metadata.format.toUpperCase()} is no format of pictures that is read`);
}

/** What sharp makes of an image; what it throws says what is wrong with that. */
async function bySharp<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    throw new ImageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Grey to red, green and blue alike, and alpha left out: `channels` are 1, 2 or 4. */
function spread(data: Uint8Array, channels: number, colours: Uint8Array): void {
  const [green, blue] = channels === 4 ? [1, 2] : [0, 0];
  for (let from = 0, to = 0; to < colours.length; from += channels, to += 3) {
    colours[to] = data[from]!;
    colours[to + 1] = data[from + green]!;
    colours[to + 2] = data[from + blue]!;
  }
}

/**
 * Cyan, magenta, yellow and black to red, green and blue as Pillow does it: by arithmetic, without a colour profile.
 * @param inks four bytes a pixel, 255 for no ink, as JPEGs have them
 */
function mixInks(inks: Uint8Array, colours: Uint8Array): void {
  for (let from = 0, to = 0; to < colours.length; from += 4, to += 3) {
    const light = inks[from + 3]!;
    for (let channel = 0; channel < 3; channel++) {
      const product = (255 - inks[from + channel]!) * light + 128;
      // A product of bytes over 255, rounded.
      colours[to + channel] = light - (((product >> 8) + product) >> 8);
    }
  }
}

// JPEGs by libjpeg-turbo, called directly: Pillow has the same one inside, and sharp takes twice as long to the same bytes.

// Of turbojpeg.h, version 3: what a handle is for, its parameters, colour spaces, pixel formats.
const DECOMPRESS = 1;
const STOP_ON_WARNING = 0;
const [WIDTH, HEIGHT, COLOUR_SPACE] = [5, 6, 8];
const FOUR_INKS = 3;
const RGB = 0;
const CMYK = 11;

const require = createRequire(import.meta.url);
const folder = dirname(require.resolve('@julusian/jpeg-turbo/package.json'));
const library = koffi.load(join(folder, 'prebuilds', `jpeg-turbo-linux-${process.arch}`, 'libturbojpeg.so.0'));
const createHandle = library.func('void *tj3Init(int purpose)');
const destroyHandle = library.func('void tj3Destroy(void *handle)');
const setParameter = library.func('int tj3Set(void *handle, int name, int value)');
const parameter = library.func('int tj3Get(void *handle, int name)');
const readJpegHeader = library.func('int tj3DecompressHeader(void *handle, const uint8_t *bytes, size_t size)');
const decompress = library.func(
  'int tj3Decompress8(void *handle, const uint8_t *bytes, size_t size, _Out_ uint8_t *pixels, int pitch, int format)',
);

// One for each thread.
let handle = startedHandle();

function startedHandle(): unknown {
  const started: unknown = createHandle(DECOMPRESS);
  setParameter(started, STOP_ON_WARNING, 1);
  return started;
}

/** Decodes a JPEG of at most `most` pixels into `allocate(bytes)`; undefined where libjpeg-turbo complains of the bytes. */
export function decodeJpeg(bytes: Uint8Array, most: number, allocate: Allocate): Pixels | undefined {
  const pixels = decompressed(bytes, most, allocate);
  if (pixels !== undefined) return pixels;
  // A handle that has complained in the middle of a header complains of every JPEG after it.
  destroyHandle(handle);
  handle = startedHandle();
  return undefined;
}

function decompressed(bytes: Uint8Array, most: number, allocate: Allocate): Pixels | undefined {
  if (readJpegHeader(handle, bytes, bytes.length) !== 0) return undefined;
  const width: number = parameter(handle, WIDTH);
  const height: number = parameter(handle, HEIGHT);
  if (width * height > most) return undefined;
  const data = allocate(width * height * 3);
  if (parameter(handle, COLOUR_SPACE) < FOUR_INKS) {
    return decompress(handle, bytes, bytes.length, data, 0, RGB) === 0 ? { width, height, data } : undefined;
  }
  const inks = new Uint8Array(width * height * 4);
  if (decompress(handle, bytes, bytes.length, inks, 0, CMYK) !== 0) return undefined;
  mixInks(inks, data);
  return { width, height, data };
}
