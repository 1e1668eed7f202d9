import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { Client } from '@temporalio/client';
import type { DevicePool } from '../activities/device-pool.ts';
import { measured, registry } from '../activities/metrics.ts';
import { ServerError } from '../runtime/temporal-server.ts';
import type { Room } from './room.ts';
import { showServer } from './server-metrics.ts';
import { connectClient } from './server.ts';
import type { ServerConfig } from './server.ts';
import type { RunningWorkers } from './workers.ts';

/** What a worker's process tells orchestrators and Prometheus of itself. */
interface StatusPage {
  /** Where the SDK's own exporter listens, on this machine: its families are shown with ours. */
  readonly sdk: string;
  readonly room: Room;
  readonly workers: RunningWorkers;
  readonly server: ServerConfig;
}

const PATIENCE_MS = 3000;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Serves /metrics, /healthz (200 as long as the process is of use: do not kill it) and /readyz (200 where it takes work) on
 * an address such as `127.0.0.1:9464`.
 * @throws ServerError where the address is taken
 */
export async function serveStatus({ host, port }: Address, page: StatusPage): Promise<{ close: () => Promise<void> }> {
  const client = await connectClient(page.server);
  showProcess(page.room, page.workers.pool);
  showServer(client, page.workers.queues);
  const server = createServer((request, response) => {
    void answer(request.url ?? '/', page, client, response).catch((error: unknown) =>
      say(response, 500, String(error)),
    );
  });
  server.listen(port, host);
  await once(server, 'listening').catch((cause: unknown) => {
    throw new ServerError(
      `--metrics: expected port ${port} of ${host} to be free, got: ${String(cause)}; name another`,
      { cause },
    );
  });
  return {
    async close() {
      server.closeAllConnections();
      const closed = once(server, 'close');
      server.close();
      await closed;
      await client.connection.close();
    },
  };
}

async function answer(
  url: string,
  { sdk, room, workers }: StatusPage,
  client: Client,
  response: ServerResponse,
): Promise<void> {
  const path = url.split('?')[0];
  if (path === '/metrics') {
    const [ours, theirs] = await Promise.all([registry.metrics(), textOf(sdk)]);
    response.writeHead(200, { 'content-type': registry.contentType });
    response.end(`${ours}${theirs}`);
    return;
  }
  const now = workers.state();
  if (path === '/healthz') return say(response, now === 'failed' ? 503 : 200, now);
  if (path !== '/readyz') return say(response, 404, '/metrics, /healthz and /readyz are here');
  const shortage = room.shortage();
  const asking = client.connection.withDeadline(Date.now() + PATIENCE_MS, () =>
    client.workflowService.getSystemInfo({}),
  );
  const silence = await asking.then(
    () => null,
    (error: unknown) => `the Temporal server does not answer: ${String(error)}`,
  );
  const why = now === 'running' ? (shortage ?? silence) : now;
  say(response, why === null ? 200 : 503, why ?? 'ready');
}

function say(response: ServerResponse, status: number, text: string): void {
  if (!response.headersSent) response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${text}\n`);
}

async function textOf(sdk: string): Promise<string> {
  const page = await fetch(`http://${sdk}/metrics`, { signal: AbortSignal.timeout(PATIENCE_MS) });
  return await page.text();
}

function bytes(value: number | null): readonly (readonly [Readonly<Record<string, string>>, number])[] {
  return value === null ? [] : [[{}, value]];
}

function showProcess(room: Room, pool: DevicePool | null): void {
  measured('nas_worker_free_disk_bytes', 'Room on the disk that results are written to', [], () =>
    bytes(room.free.disk),
  );
  measured('nas_worker_available_memory_bytes', 'Memory that programs could still have here', [], () =>
    bytes(room.free.memory),
  );
  measured('nas_worker_takes_work', 'Whether this worker asks for work: 0 while disk or memory is short', [], () => [
    [{}, room.shortage() === null ? 1 : 0],
  ]);
  if (pool === null) return;
  measured('nas_worker_devices', 'Devices of this worker: processors or cards for heavy work', [], () => [
    [{}, pool.size],
  ]);
  measured('nas_worker_busy_devices', 'Devices of this worker that work has taken', [], () => [[{}, pool.busy]]);
}
