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

test('every kind that works heavily has finite attempts and a limit of time', () => {
  for (const kind of kinds.values()) {
    expect(kind.retry.maximumAttempts).toBeLessThanOrEqual(5);
    expect(kind.timeout.heartbeatMs !== null).toBe(kind.work === 'heavy');
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
