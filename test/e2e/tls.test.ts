import path from 'node:path';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { connect } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { createServer } from 'node:tls';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { clientCertificate, makeAuthority, SERVER_NAME } from '../support/authority.ts';
import { nas, RunningNas } from '../support/nas.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';
import { sharedFolder } from '../support/temporary-folder.ts';

// A real server in a namespace of its own, behind a door that opens to certificates of its authority alone.

const server = withPipelineServer(plainActivities, ['--namespace', 'team']);
const folder = sharedFolder();
const fileOf = (name: string): string => path.join(folder, name);
let door: Server;

beforeAll(async () => {
  for (const name of ['ours', 'others']) makeAuthority(folder, name);
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
    TEMPORAL_TLS_SERVER_NAME: SERVER_NAME,
    TEMPORAL_TLS_SERVER_CA_CERT_PATH: fileOf('ours.crt'),
    ...more,
  };
}

test('with a certificate a worker and every verb use a namespace of their own; without one, or with that of others, none does', async () => {
  const ours = environment(clientCertificate(folder, 'ours'));
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

  const strangers = [environment(), environment(clientCertificate(folder, 'others'))];
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

/** An empty answer of gRPC's. */
const NOTHING = Buffer.alloc(5);

test.each(['everything', 'all but who the server is'])(
  'an API key goes with every request, through TLS; a server that refuses %s is told of in one sentence',
  async (refused) => {
    const asked: (string | undefined)[] = [];
    const options = { cert: readFileSync(fileOf('ours-server.crt')), key: readFileSync(fileOf('ours-server.key')) };
    const cloud = createSecureServer(options).listen(0, '127.0.0.1');
    onTestFinished(() => void cloud.close());
    cloud.on('stream', (stream, headers) => {
      asked.push(headers.authorization);
      const isAllowed = refused !== 'everything' && headers[':path']?.endsWith('/GetSystemInfo') === true;
      const head = { ':status': 200, 'content-type': 'application/grpc' };
      if (!isAllowed) {
        // PERMISSION_DENIED, as of a key that nobody knows.
        stream.respond({ ...head, 'grpc-status': 7, 'grpc-message': 'Request unauthorized.' }, { endStream: true });
        return;
      }
      stream.respond(head, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(NOTHING);
    });
    await once(cloud, 'listening');
    const ours = environment({ TEMPORAL_ADDRESS: `127.0.0.1:${portOf(cloud)}`, TEMPORAL_API_KEY: 'a-key' });
    for (const args of [
      ['status', 'one'],
      ['worker', '--cpu', '1'],
    ]) {
      const found = await nas(args, ours);
      expect({ args, ...found }).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^server: expected to be allowed this, got a refusal .*TEMPORAL_API_KEY.*\n$/),
      });
    }
    expect(new Set(asked)).toEqual(new Set(['Bearer a-key']));
  },
);
