import { readlink, rm, statfs, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bindingIdentity, bindingIsInstalled, installBinding, useDevice } from './compile-binding.ts';
import { installWheel, wheelIsInstalled } from './install-wheel.ts';
import { home, root } from './layout.ts';
import type { Device } from './layout.ts';
import { architecture, atLeast, compiler, compilerVersion, glibcVersion, gpus, pipVersion, python, pythonVersion } from './machine.ts';
import type { Pin } from './requirements.ts';
import { readRequirements } from './requirements.ts';
import { explain, SetupError } from './setup-error.ts';
import { contentsOf } from './wheels.ts';
import type { Contents } from './wheels.ts';

interface Piece {
  readonly pin: Pin;
  readonly contents: Contents;
}

/** The device in use, or undefined before the first set-up. */
async function deviceInUse(): Promise<Device | undefined> {
  const link = await readlink(join(home, 'current')).catch(() => undefined);
  return link === 'cpu' || link === 'gpu' ? link : undefined;
}

/** The device to set up: the one asked for, else the one in use. A GPU that is not there is a note, not an error. */
async function chooseDevice(wanted: Device | undefined): Promise<Device> {
  const device = wanted ?? (await deviceInUse()) ?? 'cpu';
  if (wanted !== 'gpu') return device;
  if (architecture !== 'x86_64') {
    console.log(`setup: TensorFlow has no CUDA build for ${architecture}: setting up for the CPU`);
    return 'cpu';
  }
  if ((await gpus()).length > 0) return 'gpu';
  console.log('setup: no NVIDIA driver here (nvidia-smi shows no GPU): setting up for the CPU');
  return 'cpu';
}

async function piecesOf(device: Device): Promise<Piece[]> {
  const files = [`requirements-temporal.txt`, `requirements-${device}.txt`];
  const pins = await Promise.all(files.map((file) => readRequirements(join(root, 'runtime', file), architecture)));
  return pins.flat().map((pin) => ({ pin, contents: contentsOf(pin, device) }));
}

async function missingOf(pieces: readonly Piece[]): Promise<Piece[]> {
  const present = await Promise.all(pieces.map(({ pin, contents }) => wheelIsInstalled(home, pin, contents)));
  return pieces.filter((_, index) => !present[index]);
}

function checkSystem(): void {
  const glibc = glibcVersion();
  const known = process.platform === 'linux' && ['x86_64', 'aarch64'].includes(architecture);
  if (!known || !glibc || !atLeast(glibc, '2.27')) {
    const found = `${process.platform} ${architecture} ${glibc ? `glibc ${glibc}` : 'without glibc'}`;
    throw new SetupError(
      `setup: expected Linux on x86_64 or aarch64 with glibc 2.27 or later, got ${found}; use such a machine, a container or WSL 2`,
    );
  }
}

async function checkPython(): Promise<void> {
  if (!(await pythonVersion())) {
    throw new SetupError(
      `setup: expected Python 3 as ${python}, got none; install it (Debian, Ubuntu: apt-get install python3 python3-pip) or name it by PYTHON=…`,
    );
  }
  const pip = await pipVersion();
  if (!pip || !atLeast(pip, '20.3')) {
    throw new SetupError(
      `setup: expected pip 20.3 or later as ${python} -m pip, got ${pip ?? 'none'}; install it (Debian, Ubuntu: apt-get install python3-pip; elsewhere: ${python} -m ensurepip --upgrade)`,
    );
  }
}

async function checkCompiler(): Promise<void> {
  if (await compilerVersion()) return;
  throw new SetupError(
    `setup: expected a C++ compiler as ${compiler}, got none; install it (Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++) or name it by CXX=…`,
  );
}

/** Refuses before anything is fetched if what stays, and the largest wheel beside it, would not fit. */
async function checkDisk(missing: readonly Piece[]): Promise<void> {
  const stays = missing.reduce((sum, { pin }) => sum + pin.unpacked, 0);
  const need = stays + Math.max(0, ...missing.map(({ pin }) => pin.download));
  const { bavail, bsize } = await statfs(home);
  if (bavail * bsize >= need) return;
  const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new SetupError(
    `setup: expected ${gigabytes(need)} of room in ${home}, got ${gigabytes(bavail * bsize)}; free some space, or set NAS_RUNTIME to a folder with more`,
  );
}

async function install(device: Device): Promise<void> {
  const pieces = await piecesOf(device);
  const library = pieces.find(({ pin }) => pin.name.startsWith('tensorflow'))?.pin;
  if (!library) throw new SetupError(`runtime/requirements-${device}.txt: expected a pin of TensorFlow for ${architecture}, got none`);
  const missing = await missingOf(pieces);
  const identity = await bindingIdentity(library);
  const bindingIsThere = await bindingIsInstalled(home, device, identity);
  if (missing.length > 0 || !bindingIsThere) {
    checkSystem();
    if (missing.length > 0) await checkPython();
    if (!bindingIsThere) await checkCompiler();
    await mkdir(home, { recursive: true });
    await checkDisk(missing);
    for (const { pin, contents } of missing) await installWheel(home, pin, contents);
    await rm(join(home, 'work'), { recursive: true, force: true });
    if (!bindingIsThere) await installBinding(home, device, identity);
  }
  if ((await deviceInUse()) !== device) await useDevice(home, device);
}

/**
 * Makes libtensorflow, its binding and the Temporal servers usable, doing only what is not done yet. Returns the one
 * sentence that says what went wrong and what to do, or undefined if all is well.
 */
export async function setUp(options: { device?: Device }): Promise<string | undefined> {
  try {
    const device = await chooseDevice(options.device);
    await install(device);
    return undefined;
  } catch (error) {
    return explain(error, home);
  }
}
