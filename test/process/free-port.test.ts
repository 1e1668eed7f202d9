import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { freePort, untilFree } from '../../runtime/free-port.ts';

const HOST = '127.0.0.1';

async function takenPort(): Promise<{ port: number; free: () => void }> {
  const server = createServer().listen(0, HOST);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const place = server.address();
  if (typeof place !== 'object' || place === null) throw new Error('expected a port');
  return { port: place.port, free: () => void server.close() };
}

test('a port where somebody listens is not given, nor called free before it is', async () => {
  const { port, free } = await takenPort();
  expect(await untilFree(HOST, port, 0)).toBe(false);
  expect(await freePort(HOST, port)).not.toBe(port);
  const becomesFree = untilFree(HOST, port, 10_000);
  free();
  expect(await becomesFree).toBe(true);
  expect(await freePort(HOST, port)).toBe(port);
});

test('where no port is wanted it lies below those that the system gives to outgoing connections', async () => {
  for (let time = 0; time < 40; time++) {
    const port = await freePort(HOST);
    expect(port).toBeGreaterThanOrEqual(20_000);
    expect(port).toBeLessThan(32_768);
  }
});
