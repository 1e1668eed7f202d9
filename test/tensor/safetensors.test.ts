import * as fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSupernet, saveSupernet } from '../../nas/supernet/weights.ts';
import {
  checkNumbers,
  readSafetensors,
  readSafetensorsHeader,
  SafetensorsError,
  writeSafetensors,
} from '../../nas/weights/safetensors.ts';
import { TINY_CLASSES, tinySpace, tinySupernet } from '../support/tiny-supernet.ts';
import { sharedFolder } from '../support/temporary-folder.ts';

const folder = sharedFolder();

const file = (name: string): string => join(folder, name);

/** A file with the given header and data, or as many zeros. */
function crafted(header: unknown, data: number | Buffer, headerBytes?: bigint): string {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(headerBytes ?? BigInt(text.length));
  const path = file('crafted.safetensors');
  writeFileSync(path, Buffer.concat([length, text, typeof data === 'number' ? Buffer.alloc(data) : data]));
  return path;
}

const at = (begin: number, end: number, shape = [1]): object => ({ dtype: 'F32', shape, data_offsets: [begin, end] });

const pythonReads = (() => {
  try {
    execFileSync('python3', ['-c', 'import safetensors, numpy'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

describe('safetensors', () => {
  it('give back any tensors and metadata that were written', () => {
    const tensors = fc.uniqueArray(
      fc
        .record({
          name: fc.string({ minLength: 1 }),
          shape: fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 }),
        })
        .filter(({ name }) => name !== '__metadata__')
        .map(({ name, shape }) => ({
          name,
          shape,
          data: Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => i / 3),
        })),
      { selector: ({ name }) => name },
    );
    const metadata = fc.dictionary(fc.string(), fc.string());
    fc.assert(
      fc.property(tensors, metadata, (written, said) => {
        const path = file('any.safetensors');
        const { sha256, bytes } = writeSafetensors(path, written, said);
        const onDisk = readFileSync(path);
        expect({ sha256, bytes }).toEqual({
          sha256: createHash('sha256').update(onDisk).digest('hex'),
          bytes: onDisk.length,
        });
        const got = readSafetensors(path);
        expect(got.metadata).toEqual(said);
        const byName = new Map(got.tensors.map((entry) => [entry.name, entry]));
        expect(byName).toEqual(new Map(written.map((entry) => [entry.name, entry])));
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['an empty file', () => file('empty')],
    ['a header longer than the file', () => crafted({}, 0, 1000n)],
    ['a header of exabytes', () => crafted({}, 8, 2n ** 62n)],
    ['a header that is no JSON', () => crafted('{"a":', 8)],
    ['a header that is no object', () => crafted([1, 2], 8)],
    ['a tensor that begins behind a gap', () => crafted({ a: at(4, 8) }, 8)],
    ['tensors that overlap', () => crafted({ a: at(0, 4), b: at(0, 4) }, 8)],
    ['data past the end of the file', () => crafted({ a: at(0, 40, [10]) }, 8)],
    ['data that nobody owns', () => crafted({ a: at(0, 4) }, 8)],
    ['a size that is not the shape', () => crafted({ a: at(0, 8, [1]) }, 8)],
    ['offsets that run backwards', () => crafted({ a: at(8, 4, [1]) }, 8)],
    ['negative sizes', () => crafted({ a: at(0, 4, [-1, -1]) }, 4)],
    ['sizes past all integers', () => crafted({ a: at(0, 4, [2 ** 53, 2 ** 53]) }, 4)],
    ['an unknown type', () => crafted({ a: { dtype: 'F7', shape: [1], data_offsets: [0, 4] } }, 4)],
    ['a tensor without a shape', () => crafted({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4)],
  ])('refuse %s', (_, make) => {
    writeFileSync(file('empty'), '');
    const path = make();
    expect(() => readSafetensors(path)).toThrow(SafetensorsError);
    expect(() => readSafetensorsHeader(path)).toThrow(/: expected .*, got /);
  });

  it('refuse or read any bytes, but never crash', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.string(), (bytes, text) => {
        for (const path of [crafted(text, 16), file('bytes')]) {
          writeFileSync(file('bytes'), bytes);
          try {
            readSafetensors(path);
          } catch (error) {
            expect(error).toBeInstanceOf(SafetensorsError);
          }
        }
      }),
    );
  });

  it('of other types are listed and passed over, and refused only where they are wanted', () => {
    const path = crafted({ a: { dtype: 'I64', shape: [], data_offsets: [0, 8] }, b: at(8, 12) }, 12);
    expect(readSafetensors(path, (name) => name === 'b').tensors).toHaveLength(1);
    expect(() => readSafetensors(path)).toThrow('a: expected float32, float16, bfloat16 or float64, got I64');
  });

  it.each([
    [
      'F16',
      Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x3555),
      [1, -2, 65504, 2 ** -24, 2 ** -14, 1365 / 4096],
    ],
    ['BF16', Uint16Array.of(0x3f80, 0xc000, 0x0080, 0x3eab), [1, -2, 2 ** -126, 171 / 512]],
    ['F64', Float64Array.of(1, -2, 1 / 3, 1e-60), [1, -2, Math.fround(1 / 3), 0]],
  ])('of type %s are read as float32, and the type is told', (dtype, numbers, expected) => {
    const header = { a: { dtype, shape: [numbers.length], data_offsets: [0, numbers.byteLength] } };
    const { tensors, converted } = readSafetensors(crafted(header, Buffer.from(numbers.buffer)));
    expect([...tensors[0]!.data]).toEqual(expected);
    expect(converted).toEqual([dtype]);
  });

  it.each([
    ['F16', Uint16Array.of(0x3c00, 0x7e00), 'NaN'],
    ['F16', Uint16Array.of(0, 0xfc00), '-Infinity'],
    ['BF16', Uint16Array.of(0, 0x7f80), 'Infinity'],
    ['F32', Float32Array.of(3e38, NaN), 'NaN'],
    ['F64', Float64Array.of(1, 1e300), 'Infinity'],
  ])('of type %s with a number that is not finite in float32 are refused by name and place', (dtype, numbers, got) => {
    const header = { a: { dtype, shape: [1, 2], data_offsets: [0, numbers.byteLength] } };
    const path = crafted(header, Buffer.from(numbers.buffer));
    expect(() => readSafetensors(path)).toThrow(`a[0, 1]: expected finite numbers, got ${got}; take weights`);
    expect(() => checkNumbers(path, () => true)).toThrow('a[0, 1]: expected finite numbers');
    expect(() => checkNumbers(path, () => false)).not.toThrow();
  });

  it('leave the old file alone where writing fails, and nothing beside it', () => {
    const path = file('kept.safetensors');
    writeSafetensors(path, [{ name: 'a', shape: [1], data: Float32Array.of(1) }], {});
    const lying = { name: 'a', shape: [2], data: Float32Array.of(1) };
    expect(() => writeSafetensors(path, [lying], {})).toThrow('a: expected 2 values (2), got 1');
    expect(readSafetensors(path).tensors[0]!.data).toEqual(Float32Array.of(1));
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});

describe('the file of a supernet', () => {
  it('gives the supernet back to the bit, with what it says of itself', () => {
    const net = tinySupernet(2);
    const path = file('net.safetensors');
    saveSupernet(net, path, { epoch: '3' });
    const loaded = loadSupernet(path, { space: tinySpace, classes: TINY_CLASSES, groups: 2 });
    for (const parameter of loaded.parameters) {
      expect(parameter.read(), parameter.name).toEqual(net.parameters.get(parameter.name).read());
    }
    expect(readSafetensorsHeader(path).metadata).toMatchObject({
      space: 'tiny',
      groups: '2',
      epoch: '3',
      format: 'pt',
    });
    for (const one of [net, loaded]) one.dispose();
  });

  it('is refused for another space, K or number of classes', () => {
    const net = tinySupernet();
    const path = file('one-shot.safetensors');
    saveSupernet(net, path);
    const options = { space: tinySpace, classes: TINY_CLASSES, groups: 1 };
    expect(() => loadSupernet(path, { ...options, groups: 2 })).toThrow(
      'expected a supernet with groups 2, got groups 1',
    );
    expect(() => loadSupernet(path, { ...options, classes: 7 })).toThrow('with classes 7, got classes 5');
    const wider = { ...tinySpace, stem: { ...tinySpace.stem, base: 9 } };
    expect(() => loadSupernet(path, { ...options, space: wider })).toThrow(
      'first_conv.conv.conv.weight: expected 9×3×7×7, got 8×3×7×7',
    );
    net.dispose();
  });

  it('may be one that the original wrote: prefixed names, and BN statistics beside the parameters', () => {
    const net = tinySupernet();
    const path = file('original.safetensors');
    const parameters = [...net.parameters].map((parameter) => ({
      name: `module.${parameter.name}`,
      shape: parameter.shape,
      data: parameter.read(),
    }));
    const statistics = { name: 'module.first_conv.bn.bn.running_mean', shape: [8], data: new Float32Array(8) };
    const tracking = { name: 'module.first_conv.bn.bn_tracking.0.running_var', shape: [8], data: new Float32Array(8) };
    writeSafetensors(path, [...parameters, statistics, tracking], {});
    const options = { space: tinySpace, classes: TINY_CLASSES, groups: 1 };
    const loaded = loadSupernet(path, options);
    const stem = 'first_conv.conv.conv.weight';
    expect(loaded.parameters.get(stem).read()).toEqual(net.parameters.get(stem).read());
    writeSafetensors(path, [...parameters, { name: 'extra', shape: [1], data: new Float32Array(1) }], {});
    expect(() => loadSupernet(path, options)).toThrow("expected only the supernet's parameters, got extra");
    for (const one of [net, loaded]) one.dispose();
  });

  it.skipIf(!pythonReads)("is read and written by Python's safetensors (skipped where python3 lacks it)", () => {
    const net = tinySupernet(2);
    const [ours, theirs] = [file('ours.safetensors'), file('theirs.safetensors')];
    saveSupernet(net, ours);
    // What they write looks like a converted state_dict of the original.
    const script = [
      'import json, sys',
      'from safetensors.numpy import load_file, save_file',
      'tensors = load_file(sys.argv[1])',
      'print(json.dumps({name: [list(t.shape), t.flatten()[:3].tolist()] for name, t in tensors.items()}))',
      'save_file({"module." + name: tensor for name, tensor in tensors.items()}, sys.argv[2])',
    ].join('\n');
    const seen = JSON.parse(execFileSync('python3', ['-c', script, ours, theirs], { encoding: 'utf8' })) as unknown;
    const expected = [...net.parameters].map(({ name, shape }) => [
      name,
      [[...shape], Array.from(net.parameters.get(name).read().slice(0, 3))],
    ]);
    expect(seen).toEqual(Object.fromEntries(expected));
    const loaded = loadSupernet(theirs, { space: tinySpace, classes: TINY_CLASSES, groups: 2 });
    for (const parameter of loaded.parameters) {
      expect(parameter.read(), parameter.name).toEqual(net.parameters.get(parameter.name).read());
    }
    for (const one of [net, loaded]) one.dispose();
  });
});
