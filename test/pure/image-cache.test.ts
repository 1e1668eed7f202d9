import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readImageCache, writeImageCache } from '../../nas/data/image-cache.ts';
import { newFolder, removeFolder } from '../support/temporary-folder.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = newFolder();
  file = path.join(folder, 'images.bin');
});
afterEach(() => removeFolder(folder));

const images = {
  count: 3,
  height: 2,
  width: 4,
  channels: 1,
  labels: Uint8Array.of(0, 1, 2),
  pixels: Uint8Array.from({ length: 24 }, (_, i) => i * 10),
};

test('images come back from the cache as they went in', async () => {
  const sha256 = await writeImageCache(file, images);
  const back = await readImageCache(file);
  expect(back).toMatchObject({ count: 3, height: 2, width: 4, channels: 1, sha256 });
  expect([...back!.labels]).toEqual([...images.labels]);
  expect([...back!.pixels]).toEqual([...images.pixels]);
});

test('no cache, a cut one and one with any byte changed count as none', async () => {
  expect(await readImageCache(file)).toBeNull();
  await writeImageCache(file, images);
  const good = await readFile(file);
  for (let at = 0; at < good.length; at++) {
    const bad = Buffer.from(good);
    bad[at]! ^= 4;
    await writeFile(file, bad);
    expect(await readImageCache(file), `byte ${at} changed`).toBeNull();
  }
  for (const length of [0, 10, 40, good.length - 1]) {
    await writeFile(file, good.subarray(0, length));
    expect(await readImageCache(file), `cut to ${length}`).toBeNull();
  }
});
