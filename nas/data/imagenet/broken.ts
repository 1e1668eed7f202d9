import { availableParallelism } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { ImageLoader } from '../images/loader.ts';

/** A file that is no image that can be read. */
export interface BrokenFile {
  readonly path: string;
  readonly reason: string;
}

/** How much of each file is read. */
export type Look = 'whole' | 'header';

/** Images between two reports. */
const RUN = 2048;
/** What is decoded is thrown away, so it is made as small as can be. */
const SIDE = 4;

/** Reads all images and returns those that cannot be, in order. */
export async function findBroken(
  root: string,
  files: readonly string[],
  look: Look,
  onProgress: (done: number) => void,
): Promise<BrokenFile[]> {
  const loader = new ImageLoader({ resolution: SIDE, normalise: { mean: [0, 0, 0], std: [1, 1, 1] }, resize: SIDE });
  const broken: BrokenFile[] = [];
  try {
    for (let from = 0; from < files.length; from += RUN) {
      const run = files.slice(from, from + RUN).map((file) => path.join(root, file));
      const images = new SharedArrayBuffer(run.length * SIDE * SIDE * 3 * 4);
      const found =
        look === 'whole' ? await loader.load({ files: run, training: null, images }) : await badHeaders(run);
      broken.push(...found.map(({ index, reason }) => ({ path: files[from + index]!, reason })));
      onProgress(from + run.length);
    }
  } finally {
    await loader.close();
  }
  return broken;
}

async function badHeaders(files: readonly string[]): Promise<{ index: number; reason: string }[]> {
  const bad: { index: number; reason: string }[] = [];
  let next = 0;
  const reader = async (): Promise<void> => {
    for (let index = next++; index < files.length; index = next++) {
      try {
        await sharp(files[index]).metadata();
      } catch (error) {
        bad.push({ index, reason: error instanceof Error ? error.message : String(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: 4 * availableParallelism() }, reader));
  return bad.toSorted((a, b) => a.index - b.index);
}
