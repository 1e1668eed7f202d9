import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { python } from '../../runtime/machine.ts';
import { contentsOf } from '../../runtime/setup/requirements.ts';
import type { Wheel } from '../../runtime/setup/requirements.ts';
import { installWheel, wheelIsInstalled } from '../../runtime/setup/wheels.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

beforeEach(() => {
  vi.spyOn(console, 'log').mockReturnValue();
});

const members = {
  'tensorflow/libtensorflow_cc.so.2': 'the library',
  'tensorflow/libtensorflow_framework.so.2': 'its other half',
  'tensorflow/include/tensorflow/c/c_api.h': 'a header',
  'tensorflow/python/eager.py': 'not wanted',
  'tensorflow_cpu-2.21.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-any\n',
  'tensorflow_cpu-2.21.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: tensorflow-cpu\nVersion: 2.21.0\n',
};

/** Writes a small wheel of that name into the folder NAS_WHEELS, and returns it as a pin with the sha256 given or its own. */
function smallWheel(options: { sha256?: string } = {}): Wheel {
  const wheels = temporaryFolder();
  const file = path.join(wheels, 'tensorflow_cpu-2.21.0-py3-none-any.whl');
  const script = `import json,sys,zipfile
with zipfile.ZipFile(sys.argv[1], 'w') as wheel:
  for name, text in json.loads(sys.argv[2]).items(): wheel.writestr(name, text)`;
  execFileSync(python, ['-c', script, file, JSON.stringify(members)]);
  const previous = process.env['NAS_WHEELS'];
  process.env['NAS_WHEELS'] = wheels;
  onTestFinished(() => {
    if (previous === undefined) delete process.env['NAS_WHEELS'];
    else process.env['NAS_WHEELS'] = previous;
  });
  const sha256 = options.sha256 ?? createHash('sha256').update(readFileSync(file)).digest('hex');
  const line = `tensorflow-cpu==2.21.0 --hash=sha256:${sha256}`;
  const pin = { name: 'tensorflow-cpu', version: '2.21.0', line, download: 1000, unpacked: 1000 };
  return { pin, contents: contentsOf(pin, 'cpu') };
}

test('of a wheel only what is wanted is unpacked, with the names linkers look for, and no wheel stays', async () => {
  const home = temporaryFolder();
  const wheel = smallWheel();
  await installWheel(home, wheel);
  expect(await wheelIsInstalled(home, wheel)).toBe(true);
  expect(readdirSync(path.join(home, 'cpu/tensorflow')).toSorted()).toEqual([
    'include',
    'libtensorflow.so',
    'libtensorflow_cc.so.2',
    'libtensorflow_framework.so',
    'libtensorflow_framework.so.2',
  ]);
  expect(readFileSync(path.join(home, 'cpu/tensorflow/libtensorflow.so'), 'utf8')).toBe('the library');
  expect(readdirSync(path.join(home, 'work'))).toEqual([]);
});

test('a file that was cut short, or the half of a killed set-up, is seen and repaired', async () => {
  const home = temporaryFolder();
  const wheel = smallWheel();
  mkdirSync(path.join(home, 'work/tensorflow-cpu/downloads'), { recursive: true });
  writeFileSync(path.join(home, 'work/tensorflow-cpu/downloads/half.whl'), 'PK');
  mkdirSync(path.join(home, 'cpu/tensorflow'), { recursive: true });
  expect(await wheelIsInstalled(home, wheel)).toBe(false);
  await installWheel(home, wheel);
  const library = path.join(home, 'cpu/tensorflow/libtensorflow_cc.so.2');
  truncateSync(library, 3);
  expect(await wheelIsInstalled(home, wheel)).toBe(false);
  await installWheel(home, wheel);
  expect(await wheelIsInstalled(home, wheel)).toBe(true);
  expect(statSync(library).size).toBe('the library'.length);
});

test('a wheel with another sha256 is refused and leaves nothing behind that looks whole', async () => {
  const home = temporaryFolder();
  const wheel = smallWheel({ sha256: '0'.repeat(64) });
  await expect(installWheel(home, wheel)).rejects.toThrow(
    /^setup: tensorflow-cpu 2\.21\.0: expected the pinned wheel, got another .*; run it again/,
  );
  expect(existsSync(path.join(home, 'cpu'))).toBe(false);
  expect(await wheelIsInstalled(home, wheel)).toBe(false);
});
