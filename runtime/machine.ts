import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
    // Trying every kernel of a convolution pays where shapes return; here each net of a step, and each subnet of a ranking, brings new ones.
    TF_CUDNN_USE_AUTOTUNE: '0',
    // Else TensorFlow waits for the card at every new shape, to see whether kernels that it tried wrote too far: it tries none.
    TF_DISABLE_RZ_CHECK: '1',
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

/** What a stage on this machine computes with, as far as its worker knows: the names are those of a manifest's environment. */
export function here(device?: string): Record<string, string> {
  const kind =
    device === undefined ? {} : { device: device.startsWith('gpu:') ? 'gpu' : 'cpu', instructions: instructionSet() };
  return { node: process.version, platform: `${process.platform} ${process.arch}`, ...kind };
}

/** What oneDNN distinguishes on x86-64 and the kernel's flags that each needs, best first: each computes other bits. */
const instructionSets: readonly (readonly [name: string, ...flags: string[]])[] = [
  ['AVX512_CORE_AMX', 'avx512f', 'amx_bf16', 'amx_int8'],
  ['AVX512_CORE_FP16', 'avx512f', 'avx512_fp16'],
  ['AVX512_CORE_BF16', 'avx512f', 'avx512_bf16'],
  ['AVX512_CORE_VNNI', 'avx512f', 'avx512_vnni'],
  ['AVX512_CORE', 'avx512f', 'avx512bw', 'avx512vl', 'avx512dq'],
  ['AVX2_VNNI', 'avx2', 'avx_vnni'],
  ['AVX2', 'avx2'],
  ['AVX', 'avx'],
  ['SSE41', 'sse4_1'],
];

/**
 * The instructions that TensorFlow computes with on this processor, as oneDNN calls them (`AVX2`, `AVX512_CORE` …), or as
 * ONEDNN_MAX_CPU_ISA limits them; elsewhere what the processor is. Results of different ones differ in their last bits.
 */
export function instructionSet(cpuinfo = cpuInformation(), limit = process.env['ONEDNN_MAX_CPU_ISA']): string {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/));
  const known = instructionSets
    .filter(([, ...needed]) => needed.every((flag) => flags.has(flag)))
    .map(([name]) => name);
  const best = known[0] ?? architecture;
  return limit !== undefined && known.includes(limit) ? limit : best;
}

function cpuInformation(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}

/**
 * Memory in pages of 2 MB for processes that compute: tensors come and go by the hundred megabytes, and most of what the
 * kernel does for them is handing out pages. glibc reads this at the start of a process; others pass it over.
 */
export const allocatorEnvironment = { GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' } as const;
