import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { atomicWrite } from '../../../../artifacts/files.ts';
import { kernelsFile, kernelsSource, SOURCE_SECTION, sourceHash } from './kernels.ts';

// npm run kernels: kernels.as → kernels.wasm, by the AssemblyScript compiler, which npx fetches. The hash of the source goes along.

const COMPILER = 'assemblyscript@0.28.20';
const OPTIONS = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd'];

const folder = mkdtempSync(path.join(tmpdir(), 'fewshot-nas-kernels-'));
try {
  // The compiler reads nothing that does not end in .ts.
  copyFileSync(kernelsSource, path.join(folder, 'kernels.ts'));
  const asc = ['--yes', '--package', COMPILER, '--', 'asc', 'kernels.ts', '--outFile', 'kernels.wasm', ...OPTIONS];
  execFileSync('npx', asc, { cwd: folder, stdio: 'inherit' });
  const made = readFileSync(path.join(folder, 'kernels.wasm'));
  await atomicWrite(kernelsFile, Buffer.concat([made, section(SOURCE_SECTION, Buffer.from(sourceHash(), 'hex'))]));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** A custom section: id 0, size, name, content; both lengths here are below 128 and so one byte each. */
function section(name: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from([name.length]), Buffer.from(name, 'latin1'), content]);
  return Buffer.concat([Buffer.from([0, body.length]), body]);
}
