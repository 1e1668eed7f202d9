import { BadInput } from '../../plan/endings.ts';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { endianness } from 'node:os';
import { dirname } from 'node:path';
import { firstNonFinite, isFloatType, toFloat32 } from './floats.ts';

/**
 * The safetensors format (huggingface.co/docs/safetensors): eight bytes with the header's length, a JSON header that
 * says where each tensor lies, then the tensors without gaps. Float32 is written; float16, bfloat16 and float64 are read too, as
 * float32; other types are only listed.
 */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What a header says of a tensor; offsets are into the data behind the header. */
interface TensorEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their data. */
  readonly tensors: readonly TensorEntry[];
}

const MAX_HEADER = 100_000_000;
const BYTES: Readonly<Record<string, number>> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
};

/** A file that is not of this format, or does not hold what is wanted. */
export class SafetensorsError extends BadInput {}

/** Reads what a file contains, without its tensors. Throws SafetensorsError for a header that contradicts the file. */
export function readSafetensorsHeader(path: string): SafetensorsHeader {
  return withFile(path, 'r', (file) => parseHeader(path, file).header);
}

/** A file's tensors, or a part of them. */
interface Content {
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of their data. */
  readonly tensors: NamedTensor[];
  /** Types other than float32 that they had in the file. */
  readonly converted: readonly string[];
}

/**
 * Reads a file's tensors.
 * @param wanted by name; the others are passed over, whatever their type
 * @throws SafetensorsError for a header that contradicts the file, and a wanted tensor that holds no floating-point numbers, NaN or infinity
 */
export function readSafetensors(path: string, wanted: (name: string) => boolean = () => true): Content {
  return withFile(path, 'r', (file) => {
    const { header, dataStart } = parseHeader(path, file);
    const chosen = header.tensors.filter(({ name }) => wanted(name));
    const converted = [...new Set(chosen.map(({ dtype }) => dtype))].filter((dtype) => dtype !== 'F32');
    const tensors = chosen.map((entry) => readTensor(path, file, dataStart, entry));
    return { metadata: header.metadata, tensors, converted };
  });
}

/** Checks a file's numbers as `readSafetensors` does, and keeps none: files may be larger than memory. */
export function checkNumbers(path: string, wanted: (name: string) => boolean): void {
  withFile(path, 'r', (file) => {
    const { header, dataStart } = parseHeader(path, file);
    for (const entry of header.tensors) if (wanted(entry.name)) readTensor(path, file, dataStart, entry);
  });
}

function readTensor(path: string, file: number, dataStart: number, entry: TensorEntry): NamedTensor {
  const { name, dtype, shape, begin, end } = entry;
  if (!isFloatType(dtype)) {
    const expected = 'float32, float16, bfloat16 or float64';
    throw new SafetensorsError(`${path}: ${name}: expected ${expected}, got ${dtype}; save it with .float()`);
  }
  const bytes = new Uint8Array(end - begin);
  readFully(path, file, bytes, dataStart + begin);
  const data = toFloat32(dtype, bytes.buffer);
  const wrong = firstNonFinite(data);
  if (wrong >= 0) {
    throw new SafetensorsError(
      `${path}: ${name}[${indices(wrong, shape).join(', ')}]: expected finite numbers, got ${data[wrong]}; ` +
        'take weights from before the training failed, or train with a smaller learning rate',
    );
  }
  return { name, shape, data };
}

/** Where the element at a position of the data stands. */
function indices(position: number, shape: readonly number[]): number[] {
  let rest = position;
  return shape
    .toReversed()
    .map((size) => {
      const index = rest % size;
      rest = Math.floor(rest / size);
      return index;
    })
    .toReversed();
}

/** Writes a file under a temporary name, syncs and renames it: at any moment there is the old file or the new. */
export function writeSafetensors(...[path, ...content]: Parameters<typeof fillSafetensors>): Written {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const written = fillSafetensors(temporary, ...content);
    withFile(temporary, 'r', fsyncSync);
    renameSync(temporary, path);
    withFile(dirname(path), 'r', fsyncSync);
    return written;
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

interface Written {
  readonly sha256: string;
  readonly bytes: number;
}

/**
 * Writes a file for whoever sees to it that it is on disk, as the store does: a training need not stand still for that.
 * @param tensors each tensor's data is asked for once, when its turn comes
 */
export function fillSafetensors(
  path: string,
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>>,
): Written {
  assertLittleEndian();
  const hash = createHash('sha256');
  let bytes = 0;
  withFile(path, 'w', (file) => {
    const write = (chunk: Uint8Array): void => {
      for (let done = 0; done < chunk.length;) done += writeSync(file, chunk, done);
      hash.update(chunk);
      bytes += chunk.length;
    };
    write(formatHeader(tensors, metadata));
    for (const { name, shape, data } of tensors) {
      if (data.length !== elements(shape)) {
        throw new RangeError(`${name}: expected ${elements(shape)} values (${shape.join('×')}), got ${data.length}`);
      }
      write(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
  });
  return { sha256: hash.digest('hex'), bytes };
}

function formatHeader(
  tensors: readonly Omit<NamedTensor, 'data'>[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const header = new Map<string, unknown>([['__metadata__', metadata]]);
  let offset = 0;
  for (const { name, shape } of tensors) {
    if (header.has(name)) throw new RangeError(`safetensors: expected different names, got '${name}' twice`);
    const end = offset + 4 * elements(shape);
    header.set(name, { dtype: 'F32', shape, data_offsets: [offset, end] });
    offset = end;
  }
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  // Spaces up to a multiple of eight, so that the data is aligned.
  const padded = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, ' ');
  padded.writeBigUInt64LE(BigInt(padded.length - 8));
  text.copy(padded, 8);
  return padded;
}

function parseHeader(path: string, file: number): { header: SafetensorsHeader; dataStart: number } {
  assertLittleEndian();
  const { size } = fstatSync(file);
  const refuse = (expected: string, got: string): never => {
    throw new SafetensorsError(`${path}: expected ${expected}, got ${got}; is it a safetensors file, and whole?`);
  };
  if (size < 10) refuse('at least 10 bytes', `${size}`);
  const length = Buffer.alloc(8);
  readFully(path, file, length, 0);
  const headerBytes = Number(length.readBigUInt64LE());
  if (headerBytes > MAX_HEADER) refuse(`a header of at most ${MAX_HEADER} bytes`, `${headerBytes}`);
  if (headerBytes > size - 8) refuse(`a header within the file's ${size} bytes`, `${headerBytes} bytes of header`);
  const bytes = Buffer.alloc(headerBytes);
  readFully(path, file, bytes, 8);
  const content = parseJson(bytes.toString());
  if (!isObject(content)) return refuse('a JSON object as header', 'something else');

  const tensors: TensorEntry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(content)) {
    if (name === '__metadata__') {
      if (!isObject(entry)) return refuse('__metadata__ to be an object', typeof entry);
      metadata = Object.fromEntries(
        Object.entries(entry).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
      );
    } else {
      tensors.push(
        parseEntry(name, entry) ??
          refuse(`${name} to have dtype, shape and data_offsets that agree`, JSON.stringify(entry)),
      );
    }
  }
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let place = 0;
  for (const { name, begin, end } of tensors) {
    if (begin !== place) refuse(`the data of ${name} at offset ${place}`, `${begin}`);
    place = end;
  }
  if (8 + headerBytes + place !== size)
    refuse(`${8 + headerBytes + place} bytes in all, as its header says`, `${size}`);
  return { header: { metadata, tensors }, dataStart: 8 + headerBytes };
}

function parseEntry(name: string, entry: unknown): TensorEntry | undefined {
  if (!isObject(entry)) return undefined;
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !isSizes(shape) || !isSizes(offsets) || offsets.length !== 2) return undefined;
  const [begin = 0, end = 0] = offsets;
  const bytes = BYTES[dtype];
  return bytes !== undefined && end - begin === bytes * elements(shape)
    ? { name, dtype, shape, begin, end }
    : undefined;
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function readFully(path: string, file: number, into: Uint8Array, position: number): void {
  for (let done = 0; done < into.length;) {
    const count = readSync(file, into, done, into.length - done, position + done);
    if (count === 0) throw new SafetensorsError(`${path}: expected ${into.length} bytes at ${position}, got ${done}`);
    done += count;
  }
}

function withFile<T>(path: string, mode: 'r' | 'w', use: (file: number) => T): T {
  const file = openSync(path, mode);
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The format is little-endian and read without conversion. */
function assertLittleEndian(): void {
  if (endianness() !== 'LE') throw new Error('safetensors: expected a little-endian machine, got a big-endian one');
}
