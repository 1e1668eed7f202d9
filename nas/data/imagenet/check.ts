import path from 'node:path';
import { availableParallelism } from 'node:os';
import { FileFault, KnownError } from '../../../plan/endings.ts';
import { ImageError, readHeader } from '../images/decode.ts';
import { ImageLoader } from '../images/loader.ts';
import type { FailedImage } from '../images/loader.ts';

/** A file whose bytes are no image. */
export interface BrokenFile {
  readonly path: string;
  readonly reason: string;
}

/** How much of each file is read. */
export type Look = 'whole' | 'header';

/** Images between two reports. */
const BATCH = 2048;
/** What is decoded is thrown away, so it is made as small as can be. */
const SIDE = 4;

/**
 * Reads all images and returns the broken ones, in order.
 * @throws KnownError naming files that could not be read: that says nothing about the images in them
 */
export async function findBroken(
  root: string,
  files: readonly string[],
  look: Look,
  onProgress: (done: number) => void,
): Promise<BrokenFile[]> {
  const loader = new ImageLoader({ resolution: SIDE, normalise: { mean: [0, 0, 0], std: [1, 1, 1] }, resize: SIDE });
  const broken: BrokenFile[] = [];
  try {
    for (let from = 0; from < files.length; from += BATCH) {
      const batch = files.slice(from, from + BATCH).map((file) => path.join(root, file));
      const images = new Float32Array(new SharedArrayBuffer(batch.length * SIDE * SIDE * 3 * 4));
      const failed =
        look === 'whole' ? await loader.load({ files: batch, training: null, images }) : await failedHeaders(batch);
      const faults = failed.flatMap(({ index, reason, isBroken }) =>
        isBroken ? [] : new FileFault(batch[index]!, reason).message,
      );
      if (faults.length > 0) throw new KnownError('Crashed', faults.join('\n'));
      broken.push(...failed.map(({ index, reason }) => ({ path: files[from + index]!, reason })));
      onProgress(from + batch.length);
    }
  } finally {
    await loader.close();
  }
  return broken;
}

async function failedHeaders(files: readonly string[]): Promise<FailedImage[]> {
  const failed: FailedImage[] = [];
  let next = 0;
  const reader = async (): Promise<void> => {
    for (let index = next++; index < files.length; index = next++) {
      try {
        await readHeader(files[index]!);
      } catch (error) {
        if (error instanceof ImageError) failed.push({ index, reason: error.message, isBroken: true });
        else if (error instanceof FileFault) failed.push({ index, reason: error.reason, isBroken: false });
        else throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: 4 * availableParallelism() }, reader));
  return failed.toSorted((a, b) => a.index - b.index);
}
