import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { SMTPServer } from 'smtp-server';
import { onTestFinished } from 'vitest';

/** The port at which it listens until the test ends. */
export async function portOf(server: Server | SMTPServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close(() => undefined));
  const listening = 'server' in server ? server.server : server;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens to a port
  return (listening.address() as AddressInfo).port;
}
