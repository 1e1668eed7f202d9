import path from 'node:path';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fingerprintOf } from '../../pipelines/fingerprint.ts';
import { graphOf } from '../../pipelines/graph.ts';
import { kinds } from '../../pipelines/kinds/catalogue.ts';
import { projectRoot } from '../../runtime/layout.ts';
import { editorSchema } from '../../pipelines/editor-schema.ts';
import { readYaml } from '../../pipelines/yaml.ts';
import type { JsonObject } from '../../plan/json.ts';

test('schema.json is what the schemas say; else: npx tsx pipelines/editor-schema.ts', () => {
  const committed: unknown = JSON.parse(readFileSync(path.join(projectRoot, 'pipelines/schema.json'), 'utf8'));
  expect(committed).toEqual(JSON.parse(JSON.stringify(editorSchema())));
});

const of = (config: JsonObject): string => fingerprintOf('train-supernet', config);

describe('a fingerprint', () => {
  const sha256 = 'a'.repeat(64);
  const base = of({ epochs: 3, inherit: { file: 'run-1/one-shot/a.safetensors', sha256 } });

  test('depends on values, not on the order of keys', () => {
    expect(of({ inherit: { sha256, file: 'run-1/one-shot/a.safetensors' }, epochs: 3 })).toBe(base);
    expect(of({ epochs: 4, inherit: { file: 'run-1/one-shot/a.safetensors', sha256 } })).not.toBe(base);
  });

  test('takes a file by its content, wherever it lies', () => {
    expect(of({ epochs: 3, inherit: { file: 'run-2/elsewhere.safetensors', sha256 } })).toBe(base);
    expect(of({ epochs: 3, inherit: { file: 'run-1/one-shot/a.safetensors', sha256: 'b'.repeat(64) } })).not.toBe(base);
  });

  test('leaves out what changes no bit of the result, and tells kinds apart', () => {
    expect(of({ epochs: 3, inherit: { file: 'x', sha256 }, checkpoint_every_steps: 9 })).toBe(base);
    expect(fingerprintOf('train-standalone', { epochs: 3, inherit: { file: 'x', sha256 } })).not.toBe(base);
    expect(() => fingerprintOf('nothing', {})).toThrow('uses: expected one of train-supernet, ');
  });
});

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

test('heavy work may take a month and is missed within half a minute, light work takes minutes, and both are tried a few times', () => {
  const heavyRetry = { maximumAttempts: 5, initialIntervalMs: 5 * SECOND, backoffCoefficient: 2 };
  const lightRetry = { maximumAttempts: 3, initialIntervalMs: 2 * SECOND, backoffCoefficient: 2 };
  const heavy = ['gpu', 30 * DAY, 30 * SECOND, heavyRetry];
  const light = ['control', 10 * MINUTE, null, lightRetry];
  const found = [...kinds.values()].map(({ name, queue, timeout, retry }) => [
    name,
    [queue, timeout.startToCloseMs, timeout.heartbeatMs, retry],
  ]);
  expect(Object.fromEntries(found)).toEqual({
    'train-supernet': heavy,
    'train-standalone': heavy,
    'evaluate-subnets': heavy,
    'search-subnets': heavy,
    'zero-cost-scores': heavy,
    // A program has a day, a pipeline as long as its longest stage.
    command: ['gpu', DAY, 30 * SECOND, heavyRetry],
    pipeline: ['control', 30 * DAY, null, lightRetry],
    'merge-results': light,
    report: light,
    'ground-truth-table': light,
  });
});

test('heavy work may stall as well, and a training may have a loss that is no number', () => {
  const any = ['BadInput', 'Fenced', 'OutOfMemory', 'Crashed', 'Interrupted', 'WorkerShutdown'];
  for (const { name, work, endings } of kinds.values()) {
    const trains = name.startsWith('train-');
    expect(endings, name).toEqual([...any, ...(work === 'heavy' ? ['Stalled'] : []), ...(trains ? ['NaNLoss'] : [])]);
  }
});

describe('the order of stages', () => {
  const graph = graphOf(
    new Map([
      ['c', ['b']],
      ['a', []],
      ['b', ['a']],
      ['x', ['y']],
      ['y', ['x']],
      ['z', ['x']],
    ]),
  );

  test('is topological, ties in the order of the file', () => {
    expect(graph.order).toEqual(['a', 'b', 'c']);
    expect([...(graph.ancestors.get('c') ?? [])]).toEqual(['b', 'a']);
  });

  test('names each cycle once, and not what only leads to one', () => {
    expect(graph.cycles).toEqual([['x', 'y', 'x']]);
  });
});

test('a value knows its line and column, a map or list those of its key, what is missing those of what is nearest', () => {
  const { source } = readYaml('f.yml', 'a:\n  b: [1, "two"]\nc: { d: null }\n');
  expect(source?.place(['a', 'b', 1])).toEqual({ source: 'f.yml', line: 2, column: 10 });
  expect(source?.place(['a', 'b'])).toEqual({ source: 'f.yml', line: 2, column: 3 });
  expect(source?.place(['c', 'd'])).toEqual({ source: 'f.yml', line: 3, column: 9 });
  expect(source?.keyPlace(['c', 'd'])).toEqual({ source: 'f.yml', line: 3, column: 6 });
  expect(source?.place(['c', 'e', 'f'])).toEqual({ source: 'f.yml', line: 3, column: 1 });
});
