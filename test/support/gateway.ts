import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { Server } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import type { Server as TcpServer } from 'node:net';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from 'vitest';
import { freePort } from '../../runtime/free-port.ts';
import { newFolder, removeFolder } from './temporary-folder.ts';

/** The gateway that serves a folder as S3; `npm run test:s3` names it. Null: there is none here. */
const gatewayProgram = process.env['NAS_TEST_S3'] ?? null;

/** What these tests let themselves in with; a secret that must never be found anywhere. */
export const keys = { AWS_ACCESS_KEY_ID: 'test-key', AWS_SECRET_ACCESS_KEY: 'not-to-be-found-anywhere' };

/** A gateway with one bucket, `results`, whose objects lie in a folder. */
export class Gateway {
  readonly port: number;
  readonly folder: string;
  #child: ChildProcess | null = null;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.folder = folder;
  }

  static async start(folder = newFolder()): Promise<Gateway> {
    const gateway = new Gateway(await freePort('127.0.0.1'), folder);
    for (const name of ['data/results', 'users']) mkdirSync(path.join(folder, name), { recursive: true });
    await gateway.start();
    return gateway;
  }

  /** Starts it, also after it was killed. */
  async start(): Promise<void> {
    const own = (name: string): string => path.join(this.folder, name);
    const options = ['--port', `127.0.0.1:${this.port}`, '--quiet', '--iam-dir', own('users')];
    this.#child = spawn(gatewayProgram ?? '', [...options, 'posix', own('data')], {
      env: { ROOT_ACCESS_KEY: keys.AWS_ACCESS_KEY_ID, ROOT_SECRET_KEY: keys.AWS_SECRET_ACCESS_KEY },
      stdio: 'ignore',
    });
    for (let tried = 0; !(await answers(this.port)); tried++) {
      if (tried === 100) throw new Error('the gateway does not answer');
      await sleep(100);
    }
  }

  async kill(): Promise<void> {
    if (this.#child === null || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  /** Ends it, and all that it holds. */
  async remove(): Promise<void> {
    await this.kill();
    removeFolder(this.folder);
  }

  /** How results in it are named. */
  root(prefix: string, port = this.port): string {
    return `s3://results/${prefix}?endpoint=http://127.0.0.1:${port}&pathStyle=1`;
  }
}

async function answers(port: number): Promise<boolean> {
  return await fetch(`http://127.0.0.1:${port}/`).then(
    () => true,
    () => false,
  );
}

/** A gateway for all tests of a file, which are let in; it ends with them. */
export async function gatewayOfFile(): Promise<Gateway> {
  Object.assign(process.env, keys);
  const gateway = await Gateway.start();
  afterAll(async () => await gateway.remove());
  return gateway;
}

/**
 * Stands before a gateway and, at random, breaks a connection instead of giving an answer to what was carried out.
 * @param onUpload is called while the bytes of a result are on their way
 */
export async function lossyProxy(
  to: number,
  share: number,
  onUpload: () => void = () => undefined,
): Promise<{ port: number; lost: () => number; server: Server }> {
  let lost = 0;
  const server = createServer((asked, answer) => {
    const { method, url, headers } = asked;
    const passed = request({ host: '127.0.0.1', port: to, method, path: url, headers }, (answered) => {
      if (Math.random() < share) {
        lost++;
        answered.resume().on('end', () => asked.socket.destroy());
        return;
      }
      answer.writeHead(answered.statusCode ?? 500, answered.headers);
      answered.pipe(answer);
    });
    passed.on('error', () => asked.socket.destroy());
    if (method === 'PUT' && /\/(files|checkpoints)\//.test(url ?? '')) asked.once('data', onUpload);
    asked.pipe(passed);
  });
  const port = await freePort('127.0.0.1');
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { port, lost: () => lost, server };
}

/** Stands before a gateway and breaks its connections, one after the other, when so many bytes of answers have passed. */
export async function breakingProxy(to: number, breaks: number[]): Promise<{ port: number; server: TcpServer }> {
  const server = createTcpServer((client) => {
    const limit = breaks[0] ?? Infinity;
    let passed = 0;
    const upstream = connect(to, '127.0.0.1');
    upstream.on('data', (chunk) => {
      passed += chunk.length;
      if (passed < limit) return;
      breaks.shift();
      client.destroy();
      upstream.destroy();
    });
    upstream.pipe(client);
    client.pipe(upstream);
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
  });
  const port = await freePort('127.0.0.1');
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { port, server };
}
