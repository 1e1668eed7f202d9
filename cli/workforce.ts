import { DefaultLogger, Runtime } from '@temporalio/worker';
import { availableParallelism } from 'node:os';
import { Failure } from './failure.ts';
import { gpus } from '../runtime/machine.ts';
import { deviceInUse } from '../runtime/setup.ts';

// Small nets train best with a thread a process; more processes than this only fill the memory.
const MOST_CPU_SLOTS = 8;

/** What heavy work may run on: every GPU if libtensorflow is the one for GPUs, else a slot for each processor core. */
export async function allDevices(): Promise<string[]> {
  const isForGpus = (await deviceInUse()) === 'gpu';
  const found = isForGpus ? await cards() : [];
  if (found.length > 0) return found.map((card) => `gpu:${card}`);
  if (isForGpus) console.error('nvidia-smi shows no GPU here: computing on the CPU');
  return cpuSlots(availableParallelism());
}

/**
 * Devices for the cards that were asked for.
 * @throws Failure (exit code 2) where there is no such card, or libtensorflow is the one for the CPU
 */
export async function cardDevices(wanted: readonly number[]): Promise<string[]> {
  if ((await deviceInUse()) !== 'gpu') {
    throw new Failure(
      '--gpu: expected libtensorflow for GPUs, got the one for the CPU; run `npm run setup -- --device gpu`',
      2,
    );
  }
  const found = await cards();
  const missing = wanted.find((card) => !found.includes(String(card)));
  if (missing === undefined) return wanted.map((card) => `gpu:${card}`);
  const known = found.length === 0 ? 'none' : found.join(', ');
  throw new Failure(
    `--gpu: expected cards of this machine (${known}, as nvidia-smi and CUDA_VISIBLE_DEVICES say), got ${missing}; name others, or leave --gpu out`,
    2,
  );
}

/** Cards as the driver counts them; where CUDA_VISIBLE_DEVICES allows this process but some, those. */
async function cards(): Promise<string[]> {
  const allowed = process.env['CUDA_VISIBLE_DEVICES'];
  const found = await gpus();
  if (allowed === undefined || found.length === 0) return found.map((_, index) => String(index));
  return allowed.split(',').filter((card) => card !== '');
}

/** `slots` times the processor, eight at most. */
export function cpuSlots(slots: number): string[] {
  return Array.from({ length: Math.min(slots, MOST_CPU_SLOTS) }, () => 'cpu');
}

/** Hands every warning of this process's workers to `write`, one line each, and lets them stop at a checkpoint when the process is asked to end. To be called before the first worker is made. */
export function prepareWorkers(write: (line: string) => void): void {
  Runtime.install({
    shutdownSignals: [...ENDING_SIGNALS],
    logger: new DefaultLogger('WARN', ({ level, timestampNanos, message, meta }) => {
      // Workers of heavy work have none on purpose.
      if (message.startsWith('No workflows registered')) return;
      const time = new Date(Number(timestampNanos / 1_000_000n)).toISOString();
      write(`${time} ${level} ${message} ${meta === undefined ? '' : JSON.stringify(meta)}\n`);
    }),
    telemetryOptions: { logging: { forward: {}, filter: { core: 'WARN', other: 'ERROR' } } },
  });
}

/** What asks this process to end: Ctrl-C, an init system, a terminal that closes. */
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal that is raised once this process is asked to end; asked a second time, it ends at once. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ENDING_SIGNALS) process.once(signal, () => controller.abort());
  return controller.signal;
}
