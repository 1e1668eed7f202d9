import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareResults } from '../../cli/verify/compare.ts';
import { drawKills, targets } from '../../cli/verify/kills.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { finishedManifest } from '../support/manifests.ts';

const pieces = ['train-supernet', 'evaluate-subnets', 'evaluate-subnets', 'merge-results'].map((uses, at) => ({
  directory: `r/${at}`,
  uses,
  seconds: at + 1,
  changes: 4 * at + 1,
}));

test('kills are a pure function of the seed, and meet every kind of work and every process', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 9, max: 40 }), (seed, count) => {
      const kills = drawKills(pieces, count, seed);
      expect(kills).toEqual(drawKills(pieces, count, seed));
      expect(kills).toHaveLength(count);
      for (const kind of new Set(pieces.map(({ uses }) => uses))) {
        const hit = kills.filter(({ piece }) => pieces[piece]?.uses === kind).map(({ target }) => target);
        expect(new Set(hit)).toEqual(new Set(targets));
      }
      for (const { piece, changes } of kills) expect(changes).toBeLessThanOrEqual(pieces[piece]?.changes ?? 0);
    }),
    { numRuns: 30 },
  );
});

test('a single other byte, and a stage that is missing, are differences', async () => {
  const root = temporaryFolder();
  for (const [side, text] of [
    ['a', 'same'],
    ['b', 'same'],
    ['c', 'other'],
  ] as const) {
    mkdirSync(path.join(root, side, 'r/one'), { recursive: true });
    writeFileSync(path.join(root, side, 'r/one/out'), text);
    writeFileSync(path.join(root, side, 'r/one/manifest.json'), JSON.stringify(finishedManifest('r/one/out')));
  }
  const different = async (a: string, b: string) =>
    (await compareResults(path.join(root, a), path.join(root, b))).flatMap((stage) => stage.different);
  expect(await different('a', 'b')).toEqual([]);
  expect(await different('a', 'c')).toEqual(['r/one/out']);
  expect(await different('a', 'nowhere')).toContain('r/one/out');
});
