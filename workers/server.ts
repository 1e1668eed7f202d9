import { Client, Connection, ServiceError, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import type { WorkflowHandle, WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { ClientConnectConfig } from '@temporalio/envconfig';
import type { NativeConnection } from '@temporalio/worker';
import { createHash } from 'node:crypto';
import { isRefusal } from '../plan/endings.ts';
import { CONTROL_QUEUE, PIPELINE } from '../plan/names.ts';
import type { Plan } from '../plan/plan.ts';
import { ServerError, START_MS, withoutProxy } from '../runtime/temporal-server.ts';
import type { pipeline } from '../workflows/pipeline.ts';
import { startAttributes } from './search.ts';

export interface ServerConfig {
  readonly namespace: string;
  readonly connectionOptions: ClientConnectConfig['connectionOptions'];
  /** Milliseconds that a client gives it to answer at first. */
  readonly patienceMs: number;
}

/**
 * The server that the environment names (TEMPORAL_ADDRESS, TEMPORAL_PROFILE, temporal.toml, TLS and API keys as the
 * `temporal` command reads them); null where it names none and the embedded server is meant.
 */
export function configuredServer(): ServerConfig | null {
  const { namespace = 'default', connectionOptions } = loadClientConnectConfig();
  return connectionOptions.address ? { namespace, connectionOptions, patienceMs: 5000 } : null;
}

/** The embedded server, at an address such as `127.0.0.1:7233`. It is known to run: if it does not answer, the machine is busy. */
export function embeddedServer(address: string): ServerConfig {
  return { namespace: 'default', connectionOptions: { address }, patienceMs: START_MS };
}

interface StartedRun {
  readonly handle: WorkflowHandle<typeof pipeline> | WorkflowHandleWithFirstExecutionRunId<typeof pipeline>;
  /** False where the id was taken: by a run that goes on, or by one that ended well. */
  readonly isNew: boolean;
  /** Whether the run that has the id runs this very plan. */
  readonly isSamePlan: boolean;
}

const CERTIFICATES =
  'that TEMPORAL_TLS_CLIENT_CERT_PATH names a certificate that it takes and TEMPORAL_TLS_SERVER_CA_CERT_PATH its authority';

/** A client of the server; the caller closes its connection. @throws ServerError where the server cannot be used */
export async function connectClient(server: ServerConfig): Promise<Client> {
  const { connectionOptions, namespace, patienceMs } = server;
  const proxy = withoutProxy(connectionOptions.address);
  const connecting = Connection.connect({ ...connectionOptions, ...proxy, connectTimeout: patienceMs });
  const connection = await usable(server, connecting);
  return new Client({ connection, namespace });
}

/**
 * The connection, once it is made and found to know the namespace.
 * @param asWorker for a worker, which has to be allowed to ask for its namespace; another client may do without
 * @throws ServerError, one sentence, if it cannot be used; ServiceError where it does not let anybody in with this key
 */
export async function usable<Made extends Connection | NativeConnection>(
  { connectionOptions: { address, tls }, namespace }: ServerConfig,
  connecting: Promise<Made>,
  asWorker = false,
): Promise<Made> {
  const connection = await connecting.catch((cause: unknown) => {
    const refusal = refusalIn(cause);
    if (refusal !== null) throw refusal;
    throw new ServerError(
      `server ${address}: expected an answer, got none; check that it runs and that TEMPORAL_ADDRESS is right${tls ? `, ${CERTIFICATES}` : ''}`,
      { cause },
    );
  });
  await connection.workflowService.describeNamespace({ namespace }).catch(async (cause: unknown) => {
    const isMissing = /not found/i.test(String(cause));
    const refusal = asWorker ? refusalIn(cause) : null;
    if (!isMissing && refusal === null) return;
    await connection.close();
    if (refusal !== null) throw refusal;
    throw new ServerError(
      `server ${address}: expected a namespace ${namespace}, got none of that name; correct TEMPORAL_NAMESPACE, or make it with \`temporal operator namespace create\``,
      { cause },
    );
  });
  return connection;
}

/** As the client's own calls throw it: a worker's connection has errors of its own. Null where it is something else. */
function refusalIn(error: unknown): ServiceError | null {
  if (!(error instanceof Error)) return null;
  return isRefusal(error.message) ? new ServiceError('the server refused', { cause: error }) : refusalIn(error.cause);
}

/**
 * Starts a plan under its id, or finds the run that has it: two starts never make two runs. A run that failed or was
 * cancelled is started anew, and takes over what its manifests say is done.
 */
export async function startRun(client: Client, plan: Plan): Promise<StartedRun> {
  // Who is told, and before whom it goes, make no other run of it.
  const { notify: _, priority: __, ...rest } = plan;
  const hash = hashOf(rest);
  try {
    const handle = await client.workflow.start<typeof pipeline>(PIPELINE, {
      args: [plan],
      workflowId: plan.id,
      taskQueue: CONTROL_QUEUE,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY',
      workflowIdConflictPolicy: 'FAIL',
      memo: { plan: hash },
      ...(await startAttributes(client, plan.name)),
      staticSummary: `${plan.name}, ${plan.stages.length} stages`,
      staticDetails: describePlan(plan),
    });
    return { handle, isNew: true, isSamePlan: true };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const handle = client.workflow.getHandle<typeof pipeline>(plan.id);
    const { memo } = await handle.describe();
    return { handle, isNew: false, isSamePlan: memo?.['plan'] === hash };
  }
}

function hashOf(plan: Omit<Plan, 'notify' | 'priority'>): string {
  return createHash('sha256').update(JSON.stringify(plan)).digest('hex');
}

// Markdown for the page of the run.
function describePlan(plan: Plan): string {
  const params = Object.entries(plan.params).map(([name, value]) => `- ${name}: \`${JSON.stringify(value)}\``);
  const stages = plan.stages.map((stage) => {
    const after = stage.needs.length > 0 ? ` after ${stage.needs.join(', ')}` : '';
    return `- **${stage.id}** (${stage.uses}${stage.matrix === null ? '' : `, ${stage.matrix.length} cells`})${after}`;
  });
  return [`Pipeline \`${plan.source}\``, ...params, '', ...stages].join('\n').slice(0, 19_000);
}
