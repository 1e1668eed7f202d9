import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { shippedFile } from '../../../../artifacts/paths.ts';

/** The functions of kernels.as. Addresses are bytes from the start of `memory`. */
interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly graySum: (pixels: number, count: number, brightness: number) => number;
  readonly gatherRow: (
    pixels: number,
    width: number,
    height: number,
    lut: number,
    row: number,
    count: number,
    x: number,
    y: number,
    dx: number,
    dy: number,
  ) => void;
  readonly copyRow: (pixels: number, row: number, count: number) => void;
  readonly resampleRow: (row: number, taps: number, entryBytes: number, target: number, count: number) => void;
  readonly resampleColumns: (rows: number, rowBytes: number, taps: number, target: number) => void;
  readonly normaliseRow: (row: number, count: number, meanAndStd: number, target: number) => void;
}

// Node has it, but its type definitions leave it to the browser's.
declare const WebAssembly: {
  readonly Module: {
    new (bytes: Uint8Array): object;
    customSections(module: object, name: string): ArrayBuffer[];
  };
  readonly Instance: new (module: object) => { readonly exports: Kernels };
};

const PAGE_BYTES = 65_536;
const ALIGNMENT = 16;

/** Kernels with a memory of their own. */
export function loadKernels(): Kernels {
  return new WebAssembly.Instance(new WebAssembly.Module(readFileSync(kernelsFile))).exports;
}

export const kernelsSource = shippedFile('nas/data/images/kernels/kernels.as');
export const kernelsFile = shippedFile('nas/data/images/kernels/kernels.wasm');

/** The section of kernels.wasm that holds the sha256 of the source it was made from. */
export const SOURCE_SECTION = 'source-sha256';

/** sha256 of the source as it is. */
export function sourceHash(): string {
  return createHash('sha256').update(readFileSync(kernelsSource)).digest('hex');
}

/** sha256 of the source that kernels.wasm was made from; none if it was not made by make.ts. */
export function hashInKernels(): string | undefined {
  const [hash] = WebAssembly.Module.customSections(new WebAssembly.Module(readFileSync(kernelsFile)), SOURCE_SECTION);
  return hash && Buffer.from(hash).toString('hex');
}

/** Gives each name of `sizes` (bytes) an aligned address, and grows the memory until all fit. */
export function place<Name extends string>(kernels: Kernels, sizes: Record<Name, number>): Record<Name, number> {
  const addresses = { ...sizes };
  let end = ALIGNMENT;
  for (const name in sizes) {
    addresses[name] = end;
    end += Math.ceil(sizes[name] / ALIGNMENT) * ALIGNMENT;
  }
  const missing = end - kernels.memory.buffer.byteLength;
  if (missing > 0) kernels.memory.grow(Math.ceil(missing / PAGE_BYTES));
  return addresses;
}
