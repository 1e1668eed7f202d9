import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { currentDevice } from './layout.ts';

/** The processor as wheels call it: `x86_64` or `aarch64`; what Node calls it, if it is any other. */
export const architecture =
  new Map<string, string>([
    ['x64', 'x86_64'],
    ['arm64', 'aarch64'],
  ]).get(process.arch) ?? process.arch;

export const python = process.env['PYTHON'] || 'python3';

/** The C++ compiler: a program and arguments of its own, such as `ccache g++`, as make reads CXX. */
export const compiler = commandOf(process.env['CXX'] || 'g++');

function commandOf(text: string): readonly [program: string, ...args: string[]] {
  // The whole is one path where there is such a file, blanks or not.
  const [program = text, ...args] = existsSync(text) ? [text] : text.trim().split(/\s+/);
  return [program, ...args];
}

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

/**
 * What a process needs in its environment, before it starts, to compute on that device alone: `cpu`, or `gpu:0` with a
 * card's number as nvidia-smi counts them (or its UUID).
 */
export function deviceEnvironment(device: string): Record<string, string> {
  if (!device.startsWith('gpu:')) return { NAS_DEVICE: device, CUDA_VISIBLE_DEVICES: '' };
  return {
    NAS_DEVICE: device,
    CUDA_VISIBLE_DEVICES: device.slice('gpu:'.length),
    CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
    // Memory is taken as it is needed, so that whoever shares the card finds some.
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    LD_LIBRARY_PATH: [...libraries(), process.env['LD_LIBRARY_PATH'] ?? ''].filter(Boolean).join(':'),
  };
}

/** The folders of NVIDIA's libraries that the set-up for GPUs has put beside libtensorflow. */
function libraries(): string[] {
  const folder = join(currentDevice, 'nvidia');
  try {
    return readdirSync(folder).map((name) => join(folder, name, 'lib'));
  } catch {
    return [];
  }
}

/**
 * Memory in pages of 2 MB for processes that compute: tensors come and go by the hundred megabytes, and most of what the
 * kernel does for them is handing out pages. glibc reads this at the start of a process; others pass it over.
 */
export const allocatorEnvironment = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' } as const;
