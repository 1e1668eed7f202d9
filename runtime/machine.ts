import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The processor as wheels call it: `x86_64` or `aarch64`; what Node calls it, if it is any other. */
export const architecture =
  new Map<string, string>([
    ['x64', 'x86_64'],
    ['arm64', 'aarch64'],
  ]).get(process.arch) ?? process.arch;

export const python = process.env['PYTHON'] || 'python3';
export const compiler = process.env['CXX'] || 'g++';

/** What a command prints, trimmed, or undefined if it is missing or fails. */
export async function probe(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    return (await promisify(execFile)(command, args, { timeout: 30_000 })).stdout.trim();
  } catch {
    return undefined;
  }
}

/** One line for each NVIDIA GPU that the driver shows: `NVIDIA A100-SXM4-80GB, 81920 MiB, driver 550.54`. */
export async function gpus(): Promise<string[]> {
  const lines = await probe('nvidia-smi', ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader']);
  return lines ? lines.split('\n').map((line) => line.replace(/, (?=[\d.]+$)/, ', driver ')) : [];
}
