import { NativeConnection } from '@temporalio/worker';
import type { Worker } from '@temporalio/worker';
import { ServerError } from '../runtime/temporal-server.ts';
import type { ServerConfig } from './connection.ts';
import { createControlWorker } from './control.ts';
import { createGpuWorker } from './gpu.ts';

export interface WorkerOptions {
  /** Which workers to run in this process. */
  readonly roles: readonly ('control' | 'gpu')[];
  /** One heavy activity each: `cpu`, `gpu:0` … */
  readonly devices: readonly string[];
  /** Task queue of the heavy worker; `gpu` unless told. */
  readonly queue?: string;
}

export interface RunningWorkers {
  /** Ends when the workers have shut down; rejects if one of them fails. */
  readonly stopped: Promise<void>;
  /** Begins the shutdown: heavy work stops at a checkpoint. The signals SIGINT and SIGTERM do the same. */
  shutdown(): void;
}

/** Runs workers in this process. Rejects with ServerError at once where the server cannot be reached. */
export async function startWorkers(server: ServerConfig, options: WorkerOptions): Promise<RunningWorkers> {
  const connection = await NativeConnection.connect(server.connectionOptions).catch((cause: unknown) => {
    const { address } = server.connectionOptions;
    throw new ServerError(
      `server ${address}: expected an answer, got none; check that it runs and that TEMPORAL_ADDRESS is right`,
      { cause },
    );
  });
  const workers: Worker[] = [];
  for (const role of new Set(options.roles)) {
    workers.push(
      role === 'control'
        ? await createControlWorker(connection, server.namespace)
        : await createGpuWorker(connection, server.namespace, options),
    );
  }
  const shutdown = (): void => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  return { stopped: runAll(workers, shutdown, connection), shutdown };
}

// One worker that fails takes the others with it: half of them would only look alive.
async function runAll(workers: readonly Worker[], shutdown: () => void, connection: NativeConnection): Promise<void> {
  const ends = await Promise.allSettled(workers.map((worker) => worker.run().finally(shutdown)));
  await connection.close();
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
