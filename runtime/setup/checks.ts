import { statfs } from 'node:fs/promises';
import { commandFor } from '../layout.ts';
import { architecture, compiler, probe, python } from '../machine.ts';
import { SetupError } from './words.ts';

/** One thing that must be right, what was found of it, and what to do if it is not. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
}

/** Whether a dotted version is at least the other: `atLeast('2.36', '2.27')`. */
const atLeast = (version: string, wanted: string): boolean =>
  version.localeCompare(wanted, 'en', { numeric: true }) >= 0;

/** Turns a check that failed into an error. */
export function demand({ ok, expected, found, remedy }: Check): void {
  if (!ok) throw new SetupError(`setup: expected ${expected}, got ${found}; ${remedy}`);
}

export function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return {
    name: 'node',
    ok: (major === 20 && minor >= 19) || (major > 20 && major < 25),
    expected: 'Node 20.19 up to 24',
    found: process.versions.node,
    remedy: `install one of them and run \`${commandFor('setup')}\``,
  };
}

/** The wheels are built for Linux with glibc. */
export function systemCheck(): Check {
  const report: { header?: { glibcVersionRuntime?: string } } = process.report.getReport();
  const glibc = report.header?.glibcVersionRuntime;
  const known = process.platform === 'linux' && ['x86_64', 'aarch64'].includes(architecture);
  return {
    name: 'system',
    ok: known && glibc !== undefined && atLeast(glibc, '2.27'),
    expected: 'Linux on x86_64 or aarch64 with glibc 2.27 or later',
    found: `${process.platform} on ${architecture} ${glibc ? `with glibc ${glibc}` : 'without glibc'}`,
    remedy: 'use such a machine, a container or WSL 2',
  };
}

export async function pythonCheck(): Promise<Check> {
  const version = await probe(python, ['-c', 'import platform; print(platform.python_version())']);
  return {
    name: 'python',
    ok: version !== undefined,
    expected: `Python 3 as ${python}`,
    found: version ?? 'none',
    remedy: 'install it (Debian, Ubuntu: apt-get install python3 python3-pip) or name it by PYTHON=…',
  };
}

export async function pipCheck(): Promise<Check> {
  const version = (await probe(python, ['-m', 'pip', '--version']))?.split(' ')[1];
  return {
    name: 'pip',
    ok: version !== undefined && atLeast(version, '20.3'),
    expected: `pip 20.3 or later as ${python} -m pip`,
    found: version ?? 'none',
    remedy: `install it (Debian, Ubuntu: apt-get install python3-pip; elsewhere: ${python} -m ensurepip --upgrade)`,
  };
}

export async function compilerCheck(): Promise<Check> {
  const [program, ...args] = compiler;
  const version = await probe(program, [...args, '-dumpfullversion', '-dumpversion']);
  return {
    name: 'C++ compiler',
    ok: version !== undefined,
    expected: `a C++ compiler as ${compiler.join(' ')}`,
    found: version ?? 'none',
    remedy: 'install it (Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++) or name it by CXX=…',
  };
}

/** Whether `bytes` more fit into the folder, which must exist; `variable` names another. */
export async function diskCheck(folder: string, bytes: number, variable: string): Promise<Check> {
  const { bavail, bsize } = await statfs(folder);
  return {
    name: 'disk',
    ok: bavail * bsize >= bytes,
    expected: `${(bytes / 1e9).toFixed(1)} GB of room in ${folder}`,
    found: `${((bavail * bsize) / 1e9).toFixed(1)} GB`,
    remedy: `free some space, or name a folder with more by ${variable}`,
  };
}
