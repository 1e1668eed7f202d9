import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { isErrno } from '../artifacts/files.ts';

// Below the range that Linux gives to outgoing connections, one of which could sit on a port when its server comes back.
const [LOWEST, HIGHEST] = [20_000, 32_767];
const LOOK_EVERY_MS = 50;

/** Whether nobody listens on a port of `host`. */
async function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  try {
    return await new Promise((resolve, reject) => {
      server.once('error', (error) => (isErrno(error, 'EADDRINUSE') ? resolve(false) : reject(error)));
      server.listen(port, host, () => resolve(true));
    });
  } finally {
    server.close();
  }
}

/** Waits until a port is free: the kernel may hold that of a killed process a moment longer. False if it is not after `patienceMs`. */
export async function untilFree(host: string, port: number, patienceMs: number): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  while (!(await isFree(host, port))) {
    if (Date.now() > deadline) return false;
    await sleep(LOOK_EVERY_MS);
  }
  return true;
}

/** Any free port of `host`. */
export async function freePort(host: string): Promise<number> {
  for (;;) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST + 1));
    if (await isFree(host, port)) return port;
  }
}
