import { Option } from 'commander';
import type { Command } from 'commander';
import { once } from 'node:events';
import { serve } from '@hono/node-server';
import { resultsRoot } from '../artifacts/paths.ts';
import { interruption } from './failure.ts';
import { jsonOption, output, wholeNumber } from './options.ts';
import { findPlace, withServer } from './server.ts';
import type { Server } from './server.ts';
import { Guard } from './ui/guard.ts';
import { freePort } from '../runtime/free-port.ts';

const LOOPBACK = '127.0.0.1';
const USUAL_PORT = 7244;

interface Options {
  readonly host: string;
  readonly port?: number;
  readonly readOnly?: true;
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .option('--host <address>', 'where to listen; only this machine can reach the default', LOOPBACK)
    .addOption(new Option('--port <port>', `${USUAL_PORT} or the next free one where absent`).argParser(wholeNumber))
    .option('--read-only', 'pages without buttons; every change is refused')
    .addOption(jsonOption())
    .action(ui);
}

async function ui(options: Options): Promise<void> {
  const signal = interruption();
  const place = await findPlace().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\nOnly results are shown.\n`);
    return null;
  });
  if (place === null) return await served(null, options, signal);
  await withServer(async (server) => await served(server, options, signal), place);
}

/** Serves the pages until the signal comes. */
async function served(server: Server | null, options: Options, signal: AbortSignal): Promise<void> {
  const { host, readOnly = false, json } = options;
  const port = options.port ?? (await freePort(host, USUAL_PORT));
  const isLoopback = [LOOPBACK, 'localhost', '::1'].includes(host);
  const guard = new Guard(port, isLoopback ? [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`] : null);
  const { uiApp } = await import('./ui/app.tsx');
  const app = uiApp({ server, root: resultsRoot(), guard, isReadOnly: readOnly });
  const http = serve({ fetch: app.fetch, hostname: host, port });
  await Promise.race([once(http, 'listening'), failed(http)]);
  const shownHost = host.includes(':') ? `[${host}]` : host;
  const address = `http://${shownHost}:${port}/?key=${guard.key}`;
  output(json, { address, readOnly }, () =>
    [address, 'Whoever has this address may look' + (readOnly ? '.' : ' and change runs.') + ' Ctrl-C ends it.'].join(
      '\n',
    ),
  );
  if (!signal.aborted) await once(signal, 'abort');
  http.close();
  if ('closeAllConnections' in http) http.closeAllConnections();
}

async function failed(http: ReturnType<typeof serve>): Promise<never> {
  const [error] = await once(http, 'error');
  throw error;
}
