import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';

export const kernelsSource = path.join(import.meta.dirname, 'kernels.as');
export const kernelsFile = path.join(import.meta.dirname, 'kernels.wasm');

/** The section of kernels.wasm that holds the sha256 of the source it was made from. */
export const SOURCE_SECTION = 'source-sha256';

export function sourceHash(): string {
  return createHash('sha256').update(readFileSync(kernelsSource)).digest('hex');
}
