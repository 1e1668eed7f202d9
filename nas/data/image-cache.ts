import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { atomicWrite } from '../../artifacts/files.ts';
import { isErrno } from '../../plan/endings.ts';

// A data set's images as one flat file: opened in one read, checked by its own hash.
// Layout: magic (8 bytes), sha256 of all that follows (32 bytes), images, height, width, channels (uint32, little endian), labels, pixels (uint8).

const MAGIC = Buffer.from('NASIMG01', 'latin1');
const HASH_AT = MAGIC.length;
const SHAPE_AT = HASH_AT + 32;
const LABELS_AT = SHAPE_AT + 4 * 4;

/** Images as stored: bytes, NHWC, with one class a byte. */
export interface StoredImages {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** [count] */
  readonly labels: Uint8Array;
  /** [count, height, width, channels] */
  readonly pixels: Uint8Array;
}

/** Writes the cache in one step: several processes may do so at once, each leaves a whole file. Returns its hash. */
export async function writeImageCache(file: string, images: StoredImages): Promise<string> {
  const header = Buffer.alloc(LABELS_AT);
  MAGIC.copy(header);
  const shape = [images.count, images.height, images.width, images.channels];
  for (const [i, size] of shape.entries()) header.writeUInt32LE(size, SHAPE_AT + 4 * i);
  const bytes = Buffer.concat([header, images.labels, images.pixels]);
  const hash = createHash('sha256').update(bytes.subarray(SHAPE_AT)).digest();
  hash.copy(bytes, HASH_AT);
  await atomicWrite(file, bytes);
  return hash.toString('hex');
}

/** Reads the cache, or null where there is none or its bytes are not those that were written. */
export async function readImageCache(file: string): Promise<(StoredImages & { sha256: string }) | null> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
  if (!bytes.subarray(0, HASH_AT).equals(MAGIC)) return null;
  const hash = createHash('sha256').update(bytes.subarray(SHAPE_AT)).digest();
  if (!hash.equals(bytes.subarray(HASH_AT, SHAPE_AT))) return null;
  const size = (i: number): number => bytes.readUInt32LE(SHAPE_AT + 4 * i);
  const labels = bytes.subarray(LABELS_AT, LABELS_AT + size(0));
  const pixels = bytes.subarray(LABELS_AT + size(0));
  return {
    count: size(0),
    height: size(1),
    width: size(2),
    channels: size(3),
    labels,
    pixels,
    sha256: hash.toString('hex'),
  };
}
