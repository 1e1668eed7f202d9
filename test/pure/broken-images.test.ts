import { writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { findBroken } from '../../nas/data/imagenet/check.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test('a look at headers finds what is no image, a whole look also what is cut behind its header', async () => {
  const root = temporaryFolder();
  // Colours that differ from pixel to pixel take bytes behind the header.
  const raw = { width: 64, height: 48, channels: 3 } as const;
  const pixels = Uint8Array.from({ length: 64 * 48 * 3 }, (_, at) => (at * at) % 251);
  const whole = await sharp(pixels, { raw }).jpeg().toBuffer();
  const files = ['fine.jpg', 'none.jpg', 'cut.jpg', 'empty.jpg', 'also-fine.jpg'];
  const contents = [whole, Buffer.from('no picture'), whole.subarray(0, whole.length / 2), Buffer.alloc(0), whole];
  files.forEach((file, at) => writeFileSync(path.join(root, file), contents[at]!));
  const done: number[] = [];
  const broken = async (look: 'whole' | 'header'): Promise<string[]> =>
    (await findBroken(root, files, look, (count) => done.push(count))).map((file) => file.path);
  expect(await broken('header')).toEqual(['none.jpg', 'empty.jpg']);
  expect(await broken('whole')).toEqual(['none.jpg', 'cut.jpg', 'empty.jpg']);
  expect(done).toEqual([5, 5]);
});
