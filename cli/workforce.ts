import { availableParallelism } from 'node:os';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { gpus } from '../runtime/machine.ts';
import { deviceInUse } from '../runtime/setup.ts';
import { ENDING_SIGNALS } from './interruption.ts';

// Small nets train best with a thread a process; more processes than this only fill the memory.
const MOST_CPU_SLOTS = 8;

/** What heavy work may run on: every GPU if libtensorflow is the one for GPUs, else a slot for each processor core. */
export async function allDevices(): Promise<string[]> {
  const cards = (await deviceInUse()) === 'gpu' ? await gpus() : [];
  return cards.length > 0 ? cards.map((_, index) => `gpu:${index}`) : cpuSlots(availableParallelism());
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
