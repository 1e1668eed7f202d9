import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareResults } from '../../cli/verify/compare.ts';
import { drawKills, targets } from '../../cli/verify/kills.ts';
import type { Piece } from '../../cli/verify/kills.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { finishedManifest } from '../support/manifests.ts';

const phases = {
  'train-supernet': ['loading', 'training', 'saving', 'calibrating', 'evaluating'],
  'evaluate-subnets': ['loading', 'calibrating', 'evaluating', 'saving'],
  'merge-results': ['merging'],
};
const kinds = [
  ...Array.from({ length: 7 }, () => 'train-supernet' as const),
  ...Array.from({ length: 8 }, () => 'evaluate-subnets' as const),
  'merge-results' as const,
];
const pieces = kinds.map((uses, at): Piece => {
  const stays = Object.fromEntries(phases[uses].map((phase, n) => [phase, { visits: 1 + ((at + n) % 3), seconds: 1 }]));
  return { directory: `r/${at}`, isLight: uses === 'merge-results', mostKills: 2, stays };
});

test('kills are a pure function of the seed: five meet every phase, more of them each process in each phase, and no piece loses more tries than it has', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 18, max: 100 }), (seed, count) => {
      const kills = drawKills(pieces, count, seed);
      expect(kills).toEqual(drawKills(pieces, count, seed));
      expect(kills).toHaveLength(count);
      for (const phase of phases['train-supernet']) {
        const hit = kills.filter((kill) => kill.phase === phase).map(({ target }) => target);
        expect(new Set(hit)).toEqual(new Set(targets));
      }
      // The worker merges by itself.
      const merging = kills.filter(({ phase }) => phase === 'merging').map(({ target }) => target);
      expect(new Set(merging)).toEqual(new Set(['worker', 'server']));
      for (const { directory } of pieces) {
        const lost = kills.filter(({ piece, target }) => piece === directory && target !== 'server');
        expect(lost.length).toBeLessThanOrEqual(2);
      }
      for (const { piece, phase, visit } of kills) {
        const own = pieces.find(({ directory }) => directory === piece);
        expect(visit).toBeLessThanOrEqual(own?.stays[phase]?.visits ?? 0);
      }
      const five = new Set(drawKills(pieces, 5, seed).map(({ phase }) => phase));
      expect(five).toEqual(new Set(['training', 'saving', 'calibrating', 'evaluating', 'merging']));
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
