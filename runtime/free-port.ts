import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

// Below the range that Linux gives to outgoing connections, one of which could sit on a port when its server comes back.
const [LOWEST, HIGHEST] = [20_000, 32_767];
const LOOK_EVERY_MS = 50;
/** The kernel may hold the port of a killed process a moment longer. */
const MOMENT_MS = 1000;

/** A free port of `host`: the one that is wanted, if it is free within a moment, else any. */
export async function freePort(host: string, wanted?: number): Promise<number> {
  if (wanted !== undefined && (await untilFree(host, wanted, MOMENT_MS))) return wanted;
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (await isFree(host, port)) return port;
  }
}

/** Waits until a port is free; false if it is not after `patienceMs`. */
export async function untilFree(host: string, port: number, patienceMs: number): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  while (!(await isFree(host, port))) {
    if (Date.now() > deadline) return false;
    await sleep(LOOK_EVERY_MS);
  }
  return true;
}

async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    return await new Promise((resolve, reject) => {
      server.once('error', (error) =>
        'code' in error && error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
      );
      server.listen(port, host, () => resolve(true));
    });
  } finally {
    server.close();
  }
}
