import type { Client } from '@temporalio/client';
import { Failure } from './failure.ts';
import { serverHome } from '../runtime/layout.ts';
import { findServer } from '../runtime/temporal-server.ts';
import { configuredServer, connectClient, embeddedServer } from '../workers/server.ts';
import type { ServerConfig } from '../workers/server.ts';

/** A server that a verb talks to. */
export interface Server {
  readonly client: Client;
  readonly namespace: string;
  /** Address of a run's page in the Temporal UI; null for a server whose UI is not known. */
  uiOf(run: string): string | null;
}

/** Where a server is: named by the environment, or the embedded one of this clone. */
export interface Place {
  readonly config: ServerConfig;
  /** The server of this clone, which listens to this machine alone. */
  readonly isEmbedded: boolean;
  /** Of the embedded server, or as NAS_UI says. */
  readonly ui: string | null;
}

/** The server that verbs talk to. Throws Failure where there is none. */
export async function findPlace(): Promise<Place> {
  const config = configuredServer();
  if (config !== null) return { config, isEmbedded: false, ui: process.env['NAS_UI']?.replace(/\/+$/, '') || null };
  const embedded = findServer(serverHome);
  if (embedded !== null) return { config: embeddedServer(embedded.address), isEmbedded: true, ui: embedded.ui };
  throw new Failure(
    'server: expected one to run here, got none; run `nas up` in another terminal, or set TEMPORAL_ADDRESS',
  );
}

/** Connects, hands the server to `body`, and closes the connection after it. */
export async function withServer<T>(body: (server: Server) => Promise<T>, place?: Place): Promise<T> {
  const { config, ui } = place ?? (await findPlace());
  const client = await connectClient(config);
  const { namespace } = config;
  const uiOf = (run: string): string | null =>
    ui === null ? null : `${ui}/namespaces/${namespace}/workflows/${encodeURIComponent(run)}`;
  try {
    return await body({ client, namespace, uiOf });
  } finally {
    await client.connection.close();
  }
}
