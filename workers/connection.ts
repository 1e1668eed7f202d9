import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { ClientConnectConfig } from '@temporalio/envconfig';

export interface ServerConfig {
  readonly namespace: string;
  readonly connectionOptions: ClientConnectConfig['connectionOptions'];
}

/**
 * The server that the environment names (TEMPORAL_ADDRESS, TEMPORAL_PROFILE, temporal.toml, TLS and API keys as the
 * `temporal` command reads them); null where it names none and the embedded server is meant.
 */
export function configuredServer(): ServerConfig | null {
  const { namespace = 'default', connectionOptions } = loadClientConnectConfig();
  return connectionOptions.address ? { namespace, connectionOptions } : null;
}

/** The embedded server, at an address such as `127.0.0.1:7233`. */
export function embeddedServer(address: string): ServerConfig {
  return { namespace: 'default', connectionOptions: { address } };
}
