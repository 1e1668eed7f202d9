import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonMap } from '../../artifacts/json.ts';
import { changesOf, fingerprintOf } from '../../pipelines/fingerprint.ts';
import { kindOf } from '../../pipelines/kinds/catalogue.ts';
import type { Json, JsonObject } from '../../plan/json.ts';

const uses = 'command';
const of = (config: JsonObject): string => fingerprintOf(uses, config);
const input = (file: JsonObject): string => of({ list: [{ input: file }] });
const training = (more: JsonObject): string => fingerprintOf('train-supernet', { epochs: 3, ...more });

// No config has a key `__proto__`: test/pure/json.test.ts.
const json = fc
  .jsonValue({ maxDepth: 3 })
  .map((value) => JSON.stringify(value))
  .filter((text) => !text.includes('"__proto__":'))
  .map((text): Json => JSON.parse(text));
const config = fc.dictionary(fc.stringMatching(/^[a-e]{1,2}$/), json, { maxKeys: 4 });

/** The same with the keys of every map the other way round. */
function turned(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => turned(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, item]) => [key, turned(item)]),
  );
}

test('two configs have one fingerprint where they are equal, and only there, in whatever order their keys stand', () => {
  fc.assert(
    fc.property(config, config, (a, b) => {
      const same = JsonMap.parse(turned(a));
      expect(of(same)).toBe(of(a));
      let isEqual = true;
      try {
        expect(a).toEqual(b);
      } catch {
        isEqual = false;
      }
      expect(of(a) === of(b)).toBe(isEqual);
      expect(changesOf(uses, a, same)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

// Else no later release finds what an earlier one has made.
test('a fingerprint is the sha256 of kind, code version and config, as JSON with its keys in order', () => {
  const { codeVersion } = kindOf(uses);
  const text = `{"codeVersion":${codeVersion},"uses":"command","with":{"a":true,"b":[1,{"c":"x","d":null}]}}`;
  const sha256 = createHash('sha256').update(text).digest('hex');
  expect(of({ b: [1, { d: null, c: 'x' }], a: true })).toBe(sha256);
});

test('a file counts by what is in it, not by where it lies; a path that is no file counts itself', () => {
  const sha256 = 'a'.repeat(64);
  const one = input({ file: 'one', sha256 });
  expect(input({ file: 'two', sha256 })).toBe(one);
  expect(input({ file: 'one', origin: 'project', sha256 })).toBe(one);
  expect(input({ file: 'one', sha256: 'b'.repeat(64) })).not.toBe(one);
  expect(input({ file: 'one', sha256, groups: 2 })).not.toBe(one);
  expect(input({ file: 'one' })).not.toBe(input({ file: 'two' }));
  expect(input({ origin: 'one' })).not.toBe(input({ origin: 'two' }));
  // The images of a list are the same in whatever shards they lie.
  expect(input({ list: { shards: 'one', sha256 } })).toBe(input({ list: { shards: 'two', sha256 } }));
  expect(input({ list: { sha256 } })).toBe(input({ list: { shards: 'two', sha256 } }));
});

test('the kind and its code count, keys that only steer the work do not, and it is said what differs', () => {
  const { neutral } = kindOf('train-supernet');
  expect(neutral).toContain('checkpoint_every_steps');
  for (const key of neutral) expect(training({ [key]: 1 }), key).toBe(training({ [key]: 2 }));
  expect(training({ epochs: 4 })).not.toBe(training({}));
  // A key that is new has one value that was always meant.
  expect(training({ ranks: 1 })).toBe(training({}));
  expect(training({ ranks: 2 })).not.toBe(training({}));
  expect(fingerprintOf('train-standalone', { epochs: 3 })).not.toBe(training({}));
  const before = { epochs: 3, checkpoint_every_steps: 1, optimizer: { momentum: 0.9, nesterov: true } };
  const now = { epochs: 3, checkpoint_every_steps: 2, optimizer: { momentum: 0.8, nesterov: true }, seed: 1 };
  expect(changesOf('train-supernet', before, now)).toEqual([
    { key: 'optimizer.momentum', before: '0.9', now: '0.8' },
    { key: 'seed', before: null, now: '1' },
  ]);
});

test('a change is said by the path of its value, with a key quoted that a path could not be read with', () => {
  expect(
    changesOf(uses, { a: null, gone: 1, list: [1, { 'b.c': 2 }] }, { a: 0, list: [1, { 'b.c': 3, '"': [4] }] }),
  ).toEqual([
    { key: 'a', before: 'null', now: '0' },
    { key: 'list.1."b.c"', before: '2', now: '3' },
    { key: String.raw`list.1."\"".0`, before: null, now: '4' },
    { key: 'gone', before: '1', now: null },
  ]);
});
