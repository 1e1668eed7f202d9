import { expect, test } from 'vitest';
import { emptyManifest } from '../../artifacts/claim.ts';
import { nextManifest } from '../../artifacts/manifest.ts';
import { asideKey, directoryOf, indexKey, isAside, keyOf, manifestKey, stageOfAside } from '../../artifacts/s3/keys.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';

const sha256 = 'a'.repeat(64);

test('a manifest, and one that was set aside, are told by their keys, and so is their stage', () => {
  const manifest = nextManifest(directory, null, emptyManifest(tokenOf(), claim));
  const aside = asideKey(directory, manifest);
  expect(manifestKey(directory)).toBe('runs/quick/one-shot/manifest.json');
  expect(manifestKey(directory, 'trainer.log')).toBe('runs/quick/one-shot/trainer.log');
  expect(aside).toBe(`runs/quick/one-shot/older/${'f'.repeat(12)}-1/manifest.json`);
  const log = manifestKey(directory, 'trainer.log');
  const elsewhere = 'files/quick/manifest.json';
  expect([manifestKey(directory), aside, log, elsewhere].map(directoryOf)).toEqual([directory, null, null, null]);
  const oldLog = aside.replace('manifest.json', 'trainer.log');
  expect([manifestKey(directory), aside, oldLog, 'files/older/manifest.json'].map(isAside)).toEqual([
    false,
    true,
    false,
    false,
  ]);
  expect(stageOfAside(aside)).toBe(directory);
});

test('files go by their content, checkpoints lie beside their stage, and what is outside of all runs has its own name', () => {
  expect(keyOf({ file: `${directory}/a.csv`, sha256 })).toBe(`files/${sha256}`);
  expect(keyOf({ file: `${directory}/checkpoints/1-0.bin`, sha256 })).toBe(
    `runs/${directory}/checkpoints/1-0.bin.${sha256}`,
  );
  expect(keyOf({ file: 'checkpoints/a/b', sha256 })).toBe(`files/${sha256}`);
  expect(keyOf({ file: 'index.json', sha256 })).toBe('index.json');
  expect(indexKey(sha256, directory)).toBe(`index/${sha256}/${directory}`);
  expect(indexKey(sha256, '')).toBe(`index/${sha256}/`);
});

test('nothing leads out of the prefix', () => {
  for (const make of [
    () => manifestKey('../a'),
    () => indexKey(sha256, '/a'),
    () => keyOf({ file: 'a/../b', sha256 }),
  ]) {
    expect(make).toThrow(/results path: expected/);
  }
});
