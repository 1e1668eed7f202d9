import path from 'node:path';
import protobuf from 'protobufjs';
import { loadIsolatedTensorFlow } from '../binding.ts';
import type { Binding } from '../binding.ts';
import { freePort } from '../free-port.ts';
import { commandFor, root } from '../layout.ts';

// Processes that compute together: TensorFlow's collective operations sum over all of them.

/** This process's place among those that compute together. */
export interface Cluster {
  /** From 0. */
  readonly rank: number;
  /** host:port of each rank, in their order. */
  readonly addresses: readonly string[];
}

const JOB = 'worker';
/** A rank that is silent for so long ends the sums of all others. A machine that is halted for seconds has not lost one. */
const HEARTBEAT_MS = 30_000;
/** How long the first rank waits for the last: processes start, and a busy machine starts them slowly. */
const REGISTER_MS = 120_000;

const taskOf = (rank: number): string => `/job:${JOB}/replica:0/task:${rank}`;

/** Free addresses of this machine, one for each rank. */
export async function freeAddresses(ranks: number): Promise<string[]> {
  const found = new Set<string>();
  while (found.size < ranks) found.add(`127.0.0.1:${await freePort('127.0.0.1')}`);
  return [...found];
}

/**
 * Loads TensorFlow and makes this process a rank; returns when all ranks have come. To be called before any tensor is made, since
 * devices get other names. TensorFlow takes SIGTERM over meanwhile: handlers have to be set after it.
 * @param file of the binding, where it is not the one in use
 * @throws Error where a rank does not come within two minutes, or the address is taken
 */
export function joinCluster(cluster: Cluster, threads: number, file?: string): Binding {
  const binding = loadIsolatedTensorFlow(file);
  if (binding.joinCluster === undefined) {
    throw new Error(
      `libtensorflow: expected a binding with collectives, got an older one; run \`${commandFor('setup')}\``,
    );
  }
  binding.joinCluster(serverDef(cluster, threads), `${taskOf(cluster.rank)}/`);
  return binding;
}

function serverDef({ rank, addresses }: Cluster, threads: number): Uint8Array {
  const file = path.join(root, 'runtime/collectives/server-def.proto');
  const ServerDef = new protobuf.Root().loadSync(file, { keepCase: true }).lookupType('tensorflow.ServerDef');
  return ServerDef.encode({
    cluster: { job: [{ name: JOB, tasks: Object.fromEntries(addresses.entries()) }] },
    job_name: JOB,
    task_index: rank,
    protocol: 'grpc',
    default_session_config: {
      intra_op_parallelism_threads: threads,
      inter_op_parallelism_threads: 1,
      experimental: {
        collective_group_leader: taskOf(0),
        // Without it a silent rank would be waited for as long as it is silent.
        coordination_config: {
          service_type: 'standalone',
          service_leader: taskOf(0),
          cluster_register_timeout_in_ms: REGISTER_MS,
          heartbeat_timeout_in_ms: HEARTBEAT_MS,
          shutdown_barrier_timeout_in_ms: 5000,
          agent_destruction_without_shutdown: true,
          coordinated_job_list: [{ name: JOB, num_tasks: addresses.length }],
          // Rank 0, too, waits no longer than that for the others.
          cluster_register_with_barrier: true,
        },
      },
    },
  }).finish();
}
