import path from 'node:path';
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterAll, afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { isLocked } from '../../runtime/file-lock.ts';
import { keepServer } from '../../runtime/server-keeper.ts';
import { endServer, findServer, serverFiles } from '../../runtime/temporal-server.ts';
import { sharedFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { connectClient, embeddedServer } from '../../workers/server.ts';
import { programFile } from '../../runtime/layout.ts';
import { registerAttributes } from '../../workers/search.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

async function kept(home: string) {
  const keeper = await keepServer(home);
  onTestFinished(async () => await keeper.stop());
  return keeper;
}

test('a killed server comes back on its ports and its database, and ends with its keeper', async () => {
  const home = temporaryFolder();
  const keeper = await kept(home);
  const client = await connectClient(embeddedServer(keeper.address));
  onTestFinished(async () => await client.connection.close());
  await client.workflow.start('kept', { workflowId: 'kept', taskQueue: 'nobody' });
  const first = findServer(home)?.pid ?? 0;
  process.kill(first, 'SIGKILL');
  await expect.poll(() => findServer(home)?.pid ?? first, { timeout: 60_000 }).not.toBe(first);
  expect((await client.workflow.getHandle('kept').describe()).status.name).toBe('RUNNING');
  expect(findServer(home)).toMatchObject({ address: keeper.address });
  await keeper.stop();
  expect(findServer(home)).toBeNull();
});

test('a server has the search attributes of runs as soon as it answers', async () => {
  const { address } = await kept(temporaryFolder());
  const client = await connectClient(embeddedServer(address));
  onTestFinished(async () => await client.connection.close());
  expect(await registerAttributes(client)).toEqual([]);
});

test('two folders have two servers, one folder has one', async () => {
  const [one, other] = [temporaryFolder(), temporaryFolder()];
  const [first, again, second] = await Promise.all([kept(one), kept(one), kept(other)]);
  expect(again.address).toBe(first.address);
  expect(second.address).not.toBe(first.address);
  expect(new Set([first.ui, second.ui]).size).toBe(2);
  // Whoever comes later is not in charge, and leaves the server to those who are.
  const { pid } = findServer(one)!;
  const guest = await keepServer(one);
  await guest.stop();
  expect(findServer(one)?.pid).toBe(pid);
});

test('a folder that was copied while its server ran has a server of its own', async () => {
  const home = temporaryFolder();
  const original = await kept(home);
  const copy = path.join(temporaryFolder(), 'copy');
  // The database's journal comes and goes while it is copied.
  cpSync(home, copy, { recursive: true, filter: (file) => !file.endsWith('-journal') });
  expect(findServer(copy)).toBeNull();
  await original.stop();
  // Free by now, but the original's, which comes back to them.
  const copied = await kept(copy);
  const again = await kept(home);
  expect(again.address).toBe(original.address);
  expect(new Set([copied.address, copied.ui, again.address, again.ui]).size).toBe(4);
});

test('where the process in charge was killed, the next one takes its server over', async () => {
  const home = temporaryFolder();
  const child = fork(programFile('test/support/keeper-process.ts'), [home], { execArgv: [] });
  await once(child, 'message');
  const server = findServer(home);
  child.kill('SIGKILL');
  await once(child, 'exit');
  const keeper = await kept(home);
  expect(findServer(home)).toEqual(server);
  await keeper.stop();
  expect(isLocked(serverFiles(home).serverLock)).toBe(false);
});

test('a process that is no server is not ended, whatever the folder says', async () => {
  const home = temporaryFolder();
  const keeper = await kept(home);
  const server = findServer(home)!;
  const other = spawn('sleep', ['600']);
  onTestFinished(() => void other.kill());
  const { state } = serverFiles(home);
  const said = readFileSync(state, 'utf8');
  writeFileSync(state, said.replace(`${server.pid}`, `${other.pid}`));
  await expect(endServer(home)).rejects.toThrow(
    `${state}: expected the number of a Temporal server, got ${other.pid}, which is none; end the process that holds `,
  );
  writeFileSync(state, said);
  await keeper.stop();
  expect([isLocked(serverFiles(home).serverLock), other.exitCode, other.signalCode]).toEqual([false, null, null]);
});

test('what keeps a server from starting is one sentence with its remedy', async () => {
  const [broken, file, silent] = [temporaryFolder(), path.join(temporaryFolder(), 'file'), temporaryFolder()];
  writeFileSync(serverFiles(broken).database, 'no database '.repeat(400));
  await expect(keepServer(broken)).rejects.toThrow(
    /^embedded server: expected it to start, got: .*file is not a database.*; move .*temporal\.db away .*$/,
  );
  writeFileSync(file, '');
  await expect(keepServer(path.join(file, 'home'))).rejects.toThrow(
    /^embedded server: expected a folder .* got: ENOTDIR.*; name another by NAS_HOME$/,
  );
  mkdirSync(serverFiles(silent).database);
  await expect(keepServer(silent)).rejects.toThrow(/^embedded server: .*; [^\n]+$/);
});

test('a start that is broken off leaves no server behind', { timeout: 60_000 }, async () => {
  const home = temporaryFolder();
  for (const delayMs of [0, 20, 60, 120]) {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), delayMs);
    await expect(keepServer(home, controller.signal), `after ${delayMs} ms`).rejects.toThrow('enough');
    await expect.poll(() => isLocked(serverFiles(home).serverLock)).toBe(false);
  }
});

const NOBODY = 'http://127.0.0.1:9';

let shared: Promise<Awaited<ReturnType<typeof keepServer>>> | undefined;
const sharedHome = sharedFolder();
/** The address of a server for the tests that only ask one. */
const oneServer = async (): Promise<string> => (await (shared ??= keepServer(sharedHome))).address;
afterAll(async () => {
  await (await shared)?.stop();
});

test('a server on this machine is reached whatever proxy the environment names', async () => {
  for (const name of ['http_proxy', 'https_proxy', 'grpc_proxy', 'all_proxy']) {
    for (const variable of [name, name.toUpperCase()]) vi.stubEnv(variable, NOBODY);
  }
  vi.stubEnv('no_proxy', undefined);
  vi.stubEnv('NO_PROXY', undefined);
  const [, port] = (await oneServer()).split(':');
  for (const host of ['127.0.0.1', 'localhost']) {
    const client = await connectClient(embeddedServer(`${host}:${port}`));
    await client.connection.close();
  }
});

test('a server elsewhere is reached through the proxy', async () => {
  const [, port] = (await oneServer()).split(':');
  const asked: string[] = [];
  const proxy = createServer().on('connect', ({ url = '' }, socket) => {
    asked.push(url);
    const server = connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      server.pipe(socket).pipe(server);
    });
    for (const end of [server, socket]) end.on('error', () => end.destroy());
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  onTestFinished(() => void proxy.close());
  const place = proxy.address();
  vi.stubEnv('https_proxy', `http://127.0.0.1:${typeof place === 'object' ? place?.port : ''}`);
  const client = await connectClient(embeddedServer('temporal.example:7233'));
  await client.connection.close();
  expect(asked).toContain('temporal.example:7233');
});
