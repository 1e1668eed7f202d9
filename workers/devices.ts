import { availableParallelism } from 'node:os';
import { BadInput } from '../plan/endings.ts';
import { commandFor, deviceInUse } from '../runtime/layout.ts';
import { gpus } from '../runtime/machine.ts';

// Small nets train best with a thread a process; more processes than this only fill the memory.
const MOST_CPU_SLOTS = 8;

/** What heavy work may run on: every GPU if libtensorflow is the one for GPUs, else a slot for each processor core. */
export async function allDevices(): Promise<string[]> {
  const isForGpus = deviceInUse() === 'gpu';
  const found = isForGpus ? await cards() : [];
  if (found.length > 0) return found.map((card) => `gpu:${card}`);
  if (isForGpus) console.error('nvidia-smi shows no GPU here: computing on the CPU');
  return cpuSlots(availableParallelism());
}

/**
 * Devices for the cards that were asked for.
 * @throws BadInput where there is no such card, or libtensorflow is the one for the CPU
 */
export async function cardDevices(wanted: readonly number[]): Promise<string[]> {
  if (deviceInUse() !== 'gpu') {
    throw new BadInput(
      `--gpu: expected libtensorflow for GPUs, got the one for the CPU; run \`${commandFor('setup', '--device gpu')}\``,
    );
  }
  const found = await cards();
  const missing = wanted.find((card) => !found.includes(String(card)));
  if (missing === undefined) return wanted.map((card) => `gpu:${card}`);
  const known = found.length === 0 ? 'none' : found.join(', ');
  throw new BadInput(
    `--gpu: expected cards of this machine (${known}, as nvidia-smi and CUDA_VISIBLE_DEVICES say), got ${missing}; name others, or leave --gpu out`,
  );
}

/** Cards as the driver counts them; where CUDA_VISIBLE_DEVICES allows this process only some, those. */
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
