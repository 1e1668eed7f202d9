import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { ExecFileException } from 'node:child_process';
import { mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { programFile, root } from '../layout.ts';
import type { Device } from '../layout.ts';
import { compiler } from '../machine.ts';
import { identityOf, isInstalled, noteInstalled } from './installed.ts';
import type { Pin } from './requirements.ts';
import { SetupError, step } from './words.ts';

const run = promisify(execFile);
const require = createRequire(import.meta.url);
/** The package's binding with what ranks need beside it. */
const source = join(root, 'runtime/collectives/binding.cc');

// N-API 8 is in every Node from 16 on, so one binding serves all of them.
const flags = ['-O2', '-std=c++17', '-fPIC', '-shared', '-DNAPI_VERSION=8', '-Wl,-rpath,$ORIGIN/tensorflow'];

/** TensorFlow.js's package, for the sources of its binding: the built package brings them along. */
const tfjsFolder = dirname(
  [join(root, 'tfjs-node-gpu/package.json')].find(existsSync) ??
    require.resolve('@tensorflow/tfjs-node-gpu/package.json'),
);
const headersFolder = dirname(require.resolve('node-api-headers/package.json'));

async function versionIn(folder: string): Promise<string> {
  const { version }: { version: string } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  return version;
}

/** What a failed child process wrote to its error output, or the signal that ended it (SIGILL: a processor without AVX). */
function errorOutput(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { stderr, signal }: Partial<ExecFileException> = error;
  return stderr?.trim() || signal || error.message;
}

/** A digest of what the binding is made from: the two packages, our source, the library it is linked to, the flags. */
export async function bindingIdentity(library: Pin): Promise<string> {
  const ours = await readFile(source, 'utf8');
  return identityOf(await versionIn(tfjsFolder), await versionIn(headersFolder), library.line, flags, ours);
}

/** Whether the binding of a device was compiled from these inputs, and passed its smoke test. */
export function bindingIsInstalled(home: string, device: Device, identity: string): Promise<boolean> {
  return isInstalled(home, `${device}-binding`, identity);
}

/** Computes a convolution and a sum of two processes, in processes of their own, because a broken library can take its process with it. */
export async function testBinding(file: string): Promise<void> {
  try {
    await run(process.execPath, [programFile('runtime/setup/smoke-test.ts'), file], {
      timeout: 120_000,
    });
  } catch (error) {
    throw new SetupError(
      `setup: expected libtensorflow to compute a convolution and a sum of two processes, got: ${errorOutput(error)}; remove the .runtime folder and run it again`,
    );
  }
}

/** Compiles TensorFlow.js's own binding against the unpacked libtensorflow, tests it and makes it the one in use. */
export async function installBinding(home: string, device: Device, identity: string): Promise<void> {
  const folder = join(home, device);
  const target = join(folder, 'tfjs_binding.node');
  const fresh = join(folder, 'tfjs_binding.new.node');
  const sources = join(tfjsFolder, 'binding');
  const library = join(folder, 'tensorflow');
  const [program, ...args] = compiler;
  await mkdir(folder, { recursive: true });
  await step('compiling the binding between Node and libtensorflow', () =>
    run(program, [
      ...args,
      ...flags,
      `-I${join(headersFolder, 'include')}`,
      `-I${join(library, 'include')}`,
      `-I${sources}`,
      join(sources, 'tfjs_backend.cc'),
      source,
      `-L${library}`,
      '-ltensorflow',
      '-ltensorflow_framework',
      '-ldl',
      '-o',
      fresh,
    ]).catch((error: unknown) => {
      throw new SetupError(
        `setup: expected ${compiler.join(' ')} to compile the binding, got: ${errorOutput(error).slice(0, 2000)}; use g++ 9 or later (CXX=…)`,
      );
    }),
  );
  await step('testing libtensorflow with a convolution and a sum of two processes', () => testBinding(fresh));
  await rename(fresh, target);
  await noteInstalled(home, `${device}-binding`, identity, [join(device, 'tfjs_binding.node')]);
}

/** Makes a device's libtensorflow the one that is loaded from now on. */
export async function useDevice(home: string, device: Device): Promise<void> {
  await rm(join(home, 'current.new'), { force: true });
  await symlink(device, join(home, 'current.new'));
  await rename(join(home, 'current.new'), join(home, 'current'));
}
