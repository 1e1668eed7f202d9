import path from 'node:path';
import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import { isLocked } from '../../runtime/file-lock.ts';
import { keepServer } from '../../runtime/server-keeper.ts';
import { serverFiles } from '../../runtime/temporal-server.ts';
import { nas, RunningNas } from '../support/nas.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// Every command is a process of its own: seconds each where the machine is busy.
vi.setConfig({ testTimeout: 150_000 });

/** Folders of its own for a command. */
function places(): { NAS_HOME: string; NAS_RESULTS: string } {
  const folder = temporaryFolder();
  return { NAS_HOME: path.join(folder, 'home'), NAS_RESULTS: path.join(folder, 'results') };
}

test('a start that fails says why in one sentence and ends with exit code 1', async () => {
  const badDatabase = places();
  mkdirSync(badDatabase.NAS_HOME);
  writeFileSync(serverFiles(badDatabase.NAS_HOME).database, 'no database '.repeat(400));
  const file = path.join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  const below = path.join(file, 'below');
  const cases = [
    { args: ['up'], environment: badDatabase, says: /temporal\.db away/ },
    { args: ['quickstart'], environment: badDatabase, says: /temporal\.db away/ },
    { args: ['up'], environment: { ...places(), NAS_HOME: below }, says: /name another by NAS_HOME/ },
    { args: ['up'], environment: { ...places(), NAS_RESULTS: below }, says: /name another by NAS_RESULTS/ },
    { args: ['worker'], environment: { ...places(), TEMPORAL_ADDRESS: '127.0.0.1:1' }, says: /TEMPORAL_ADDRESS/ },
  ];
  for (const { args, environment, says } of cases) {
    const { code, stderr } = await nas(args, environment);
    expect({ args, code }).toEqual({ args, code: 1 });
    expect(stderr).toMatch(/^[\w ./:-]+: expected [^\n]+, got[^\n]+; [^\n]+\n$/);
    expect(stderr).toMatch(says);
  }
});

test('a namespace that the server does not have is named, by workers and by whoever asks', async () => {
  const keeper = await keepServer(temporaryFolder());
  onTestFinished(async () => await keeper.stop());
  const environment = { ...places(), TEMPORAL_ADDRESS: keeper.address, TEMPORAL_NAMESPACE: 'nope' };
  const [worker, status] = await Promise.all([nas(['worker'], environment), nas(['status', 'x'], environment)]);
  for (const { code, stderr } of [worker, status]) {
    expect(stderr).toMatch(/^server 127\.0\.0\.1:\d+: expected a namespace nope, got none of that name; [^\n]+\n$/);
    expect(code).toBe(1);
  }
});

test('the server has a home even where the user has none, and of a long complaint the end is told', async () => {
  const runtime = temporaryFolder();
  mkdirSync(path.join(runtime, 'bin'));
  symlinkSync('cpu', path.join(runtime, 'current'));
  mkdirSync(path.join(runtime, 'cpu'));
  const says = `echo "Error: ${'called by '.repeat(200)}the server at $HOME of $USER"; exit 1`;
  writeFileSync(path.join(runtime, 'bin/temporal'), `#!/bin/sh\n${says}\n`, { mode: 0o755 });
  const environment = { ...places(), NAS_RUNTIME: runtime, HOME: '', USER: '' };
  const { code, stderr } = await nas(['up'], environment);
  expect(code).toBe(1);
  expect(stderr).toContain(`called by the server at ${environment.NAS_HOME} of nas; its log is`);
  expect(stderr.length).toBeLessThan(500);
});

test('the first Ctrl-C ends a start at whatever moment it comes, and leaves no server behind', async () => {
  const moments: ((home: string) => boolean)[] = [
    // Before the server is started, while it starts, and while the workers are made.
    (home) => existsSync(home),
    (home) => existsSync(serverFiles(home).state),
    (home) => existsSync(serverFiles(home).database) && statSync(serverFiles(home).database).size > 0,
  ];
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const [at, hasCome] of moments.entries()) {
    const environment = places();
    const up = new RunningNas(['up'], environment);
    await expect.poll(() => hasCome(environment.NAS_HOME), { interval: 5, timeout: 60_000 }).toBe(true);
    process.kill(up.pid, signals[at]);
    const { code, stdout, stderr } = await up.ended;
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout: '',
      stderr: 'stopped as asked, before everything was up\n',
    });
    expect(isLocked(serverFiles(environment.NAS_HOME).serverLock)).toBe(false);
  }
});
