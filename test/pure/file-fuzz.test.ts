import path from 'node:path';
import * as fc from 'fast-check';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { catalogue } from '../../artifacts/catalogue.ts';
import { ledgerOf } from '../../artifacts/ledger.ts';
import { ManifestError, parseManifest } from '../../artifacts/manifest.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import { openStore } from '../../artifacts/results.ts';
import { byHash, damageOf } from '../../artifacts/reuse.ts';
import { lineageOf } from '../../cli/lineage.ts';
import { readJob } from '../../nas/process/harness.ts';
import { readSafetensorsHeader, SafetensorsError } from '../../nas/weights/safetensors.ts';
import { finishedManifest } from '../support/manifests.ts';
import { sharedFolder } from '../support/temporary-folder.ts';

const root = sharedFolder();

/** `body` gives a value, or throws an error of that name whose message says what was expected. */
async function refusedClearly(body: () => unknown, name: string): Promise<void> {
  try {
    await body();
  } catch (error) {
    expect(error).toMatchObject({ name, message: expect.stringMatching(/expected|Invalid|Unrecognized|Too/) });
  }
}

const hostile = fc.oneof(
  fc.constantFrom('../../etc/passwd', '/etc/passwd', 'r/one/../../..', '', '\0', 'r/one', '__proto__', 'r//x'),
  fc.string({ unit: 'binary' }),
  fc.jsonValue({ maxDepth: 2 }),
);

/** A whole manifest with one value, at any depth, replaced by another or taken out. */
const bentManifest = fc
  .tuple(fc.constantFrom(...pathsOf(finishedManifest('r/one/out'))), fc.option(hostile))
  .map(([keys, value]) => bend(finishedManifest('r/one/out'), keys, value));

function pathsOf(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...at, key]))];
}

function bend(value: Manifest, keys: readonly string[], to: unknown): unknown {
  const walk = (inner: unknown, [key, ...rest]: readonly string[]): unknown => {
    if (key === undefined) return to;
    return { ...Object(inner), [key]: walk(Object(inner)[key], rest) };
  };
  return walk(value, keys);
}

describe('a file that is not what it should be is refused with a clear error, whatever stands in it', () => {
  test('any text as a manifest', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) =>
        refusedClearly(() => parseManifest(text, 'r/one/manifest.json'), 'ManifestError'),
      ),
      { numRuns: 300 },
    );
    expect(() => parseManifest('{', 'r/one/manifest.json')).toThrow(ManifestError);
  });

  test('a manifest edited by hand harms neither what scans all runs nor what checks its files', async () => {
    mkdirSync(path.join(root, 'r/one'), { recursive: true });
    mkdirSync(path.join(root, 's/two'), { recursive: true });
    writeFileSync(path.join(root, 's/two/manifest.json'), JSON.stringify(finishedManifest('s/two/out')));
    await fc.assert(
      fc.asyncProperty(bentManifest, async (manifest) => {
        writeFileSync(path.join(root, 'r/one/manifest.json'), JSON.stringify(manifest) ?? '');
        const found = await catalogue(root);
        expect(found.map(({ directory }) => directory)).toContain('s/two');
        for (const stage of found) {
          if (stage.manifest.outputs !== null) await damageOf(openStore(root), stage.manifest, byHash());
        }
        await ledgerOf(root, 'r');
        await refusedClearly(() => lineageOf(root, 'r'), 'Failure');
      }),
      { numRuns: 200 },
    );
    expect(readdirSync(root).toSorted()).toEqual(['r', 's']);
  });

  test('any job file', async () => {
    const file = path.join(root, 'job.json');
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
        writeFileSync(file, text);
        await refusedClearly(() => readJob(file), 'BadInput');
      }),
      { numRuns: 200 },
    );
    rmSync(file);
  });

  test('a safetensors header that lies about types, shapes and places', async () => {
    const size = fc.oneof(fc.integer({ min: -2, max: 9 }), fc.constantFrom(2 ** 31, 2 ** 53, 0.5, NaN), fc.jsonValue());
    const entry = fc.oneof(
      fc.record({
        dtype: fc.oneof(fc.constantFrom('F32', 'BF16', 'F64', 'constructor'), fc.string()),
        shape: fc.oneof(fc.array(size, { maxLength: 4 }), fc.jsonValue()),
        data_offsets: fc.oneof(fc.tuple(size, size), fc.jsonValue()),
      }),
      fc.jsonValue(),
    );
    const header = fc.dictionary(fc.oneof(fc.constantFrom('__metadata__', 'a', 'b'), fc.string()), entry, {
      maxKeys: 3,
    });
    const file = path.join(root, 'x.safetensors');
    await fc.assert(
      fc.asyncProperty(header, fc.nat(64), async (value, bytes) => {
        const text = Buffer.from(JSON.stringify(value));
        const length = Buffer.alloc(8);
        length.writeBigUInt64LE(BigInt(text.length));
        writeFileSync(file, Buffer.concat([length, text, Buffer.alloc(bytes)]));
        await refusedClearly(() => readSafetensorsHeader(file), SafetensorsError.name);
      }),
      { numRuns: 1000 },
    );
    rmSync(file);
  });
});
