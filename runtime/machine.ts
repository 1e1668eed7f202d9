import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** `x86_64` or `aarch64`, as wheels call the processor, or what Node calls any other. */
export const architecture = ({ x64: 'x86_64', arm64: 'aarch64' } as Record<string, string>)[process.arch] ?? process.arch;

export const python = process.env['PYTHON'] || 'python3';
export const compiler = process.env['CXX'] || 'g++';

/** What a command prints, trimmed, or undefined if it is missing or fails. */
export async function probe(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    return (await run(command, args, { timeout: 30_000 })).stdout.trim();
  } catch {
    return undefined;
  }
}

export const pythonVersion = (): Promise<string | undefined> =>
  probe(python, ['-c', 'import platform; print(platform.python_version())']);

/** pip's version, such as `23.2.1`. */
export const pipVersion = async (): Promise<string | undefined> =>
  (await probe(python, ['-m', 'pip', '--version']))?.split(' ')[1];

export const compilerVersion = (): Promise<string | undefined> => probe(compiler, ['-dumpfullversion', '-dumpversion']);

/** The C library's version, or undefined where it is not glibc (Alpine's musl, macOS, Windows). */
export function glibcVersion(): string | undefined {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime;
}

/** One line for each NVIDIA GPU that the driver shows: name, memory, driver version. */
export async function gpus(): Promise<string[]> {
  const lines = await probe('nvidia-smi', ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader']);
  return lines ? lines.split('\n') : [];
}

/** Whether a dotted version is at least the other: `atLeast('2.36', '2.27')`. */
export function atLeast(version: string, wanted: string): boolean {
  return version.localeCompare(wanted, 'en', { numeric: true }) >= 0;
}
