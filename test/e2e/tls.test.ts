import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { connect } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { nas, RunningNas } from '../support/nas.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

// A real server in a namespace of its own, behind a door that opens to certificates of its authority alone.

const server = withPipelineServer(plainActivities, ['--namespace', 'team']);
const folder = mkdtempSync(path.join(tmpdir(), 'fewshot-nas-'));
const fileOf = (name: string): string => path.join(folder, name);
let door: Server;

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
}

/** An authority with certificates of its own for a server on this machine and for clients. */
function makeAuthority(name: string): void {
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.crt`,
  );
  writeFileSync(fileOf('names'), 'subjectAltName=DNS:localhost,DNS:temporal.example,IP:127.0.0.1\n');
  for (const one of [`${name}-server`, `${name}-client`]) {
    openssl('req', ...key, '-subj', `/CN=${one}`, '-keyout', `${one}.key`, '-out', `${one}.csr`);
    const by = ['-CA', `${name}.crt`, '-CAkey', `${name}.key`, '-CAcreateserial', '-days', '2', '-extfile', 'names'];
    openssl('x509', '-req', '-in', `${one}.csr`, ...by, '-out', `${one}.crt`);
  }
}

beforeAll(async () => {
  for (const name of ['ours', 'others']) makeAuthority(name);
  const options = {
    cert: readFileSync(fileOf('ours-server.crt')),
    key: readFileSync(fileOf('ours-server.key')),
    ca: readFileSync(fileOf('ours.crt')),
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['h2'],
  };
  door = createServer(options, (outside) => {
    const inside = connect(Number(server.environment.address.split(':')[1]), '127.0.0.1');
    for (const [from, to] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      from.on('error', () => to.destroy());
      from.pipe(to);
    }
  }).listen(0, '127.0.0.1');
  await once(door, 'listening');
});
afterAll(() => {
  door.close();
  rmSync(folder, { recursive: true, force: true });
});

function portOf(listening: Server): number {
  const address: AddressInfo | string | null = listening.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}

function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    NAS_HOME: fileOf('home'),
    NAS_RESULTS: fileOf('results'),
    TEMPORAL_ADDRESS: `127.0.0.1:${portOf(door)}`,
    TEMPORAL_NAMESPACE: 'team',
    TEMPORAL_TLS_SERVER_NAME: 'temporal.example',
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: fileOf('ours.crt'),
    ...more,
  };
}

const withCertificate = (of: string) => ({
  TEMPORAL_TLS_CLIENT_CERT_PATH: fileOf(`${of}-client.crt`),
  TEMPORAL_TLS_CLIENT_KEY_PATH: fileOf(`${of}-client.key`),
});

test('with a certificate a worker and every verb use a namespace of their own; without one, or with that of others, none does', async () => {
  const ours = environment(withCertificate('ours'));
  expect(await nas(['server', 'register'], ours)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('namespace team: 5 search attributes made'),
  });
  const worker = new RunningNas(['worker', '--cpu', '1', '--allow-command', '--json'], ours);
  onTestFinished(async () => void (await worker.interrupt()));
  await worker.prints('"devices"');
  const file = fileOf('one.yml');
  writeFileSync(file, 'name: one\nstages:\n  one:\n    uses: command\n    with: { run: ["true"] }\n');
  expect(await nas(['start', file], ours)).toMatchObject({ code: 0 });
  const done = async (): Promise<unknown> =>
    JSON.parse((await nas(['list', '--pipeline', 'one', '--query', "NasState = 'done'", '--json'], ours)).stdout);
  await expect.poll(done, { timeout: 60_000 }).toMatchObject({ runs: [{ id: 'one', state: 'done' }] });
  expect((await server.client.workflow.count("WorkflowType = 'pipeline'")).count).toBe(0);

  const strangers = [environment(), environment(withCertificate('others'))];
  for (const found of await Promise.all(strangers.map(async (one) => await nas(['status', 'one'], one)))) {
    expect(found).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^server .*TEMPORAL_TLS_CLIENT_CERT_PATH.*\n$/),
    });
  }
  const deceived = { ...ours, TEMPORAL_TLS_SERVER_CA_CERT_PATH: fileOf('others.crt') };
  expect(await nas(['worker', '--cpu', '1'], deceived)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^server /),
  });
  expect((await worker.interrupt()).code).toBe(0);
});

test('an API key goes with every request, through TLS', async () => {
  const asked: (string | undefined)[] = [];
  const options = { cert: readFileSync(fileOf('ours-server.crt')), key: readFileSync(fileOf('ours-server.key')) };
  const cloud = createSecureServer(options).listen(0, '127.0.0.1');
  cloud.on('stream', (stream, headers) => {
    asked.push(headers.authorization);
    // PERMISSION_DENIED, as of a key that nobody knows.
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': 7 }, { endStream: true });
  });
  await once(cloud, 'listening');
  const found = await nas(
    ['status', 'one'],
    environment({ TEMPORAL_ADDRESS: `127.0.0.1:${portOf(cloud)}`, TEMPORAL_API_KEY: 'a-key' }),
  );
  expect(found.code).toBe(1);
  expect(asked.length).toBeGreaterThan(0);
  expect(new Set(asked)).toEqual(new Set(['Bearer a-key']));
  cloud.close();
});
