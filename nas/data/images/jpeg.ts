// JPEGs by libjpeg-turbo, called directly: Pillow has the same one inside, and sharp takes twice as long to the same bytes.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import koffi from 'koffi';
import type { Pixels, Room } from './decode.ts';

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
