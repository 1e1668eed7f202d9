import { access, constants } from 'node:fs/promises';
import { compilerCheck, diskCheck, pipCheck, pythonCheck, systemCheck } from './checks.ts';
import type { Check } from './checks.ts';
import { testBinding } from './compile-binding.ts';
import { bindingFile, root, temporalCli, temporalTestServer } from './layout.ts';
import { gpus, probe } from './machine.ts';
import { deviceInUse, isSetUp } from './setup.ts';

const setUpAgain = 'run `npm run setup`';

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return {
    name: 'node',
    ok: (major === 20 && minor >= 19) || (major > 20 && major < 25),
    expected: 'Node 20.19 up to 24',
    found: process.versions.node,
    remedy: 'install one of them and run `npm run setup`',
  };
}

async function libtensorflowCheck(): Promise<Check> {
  const problem = await testBinding(bindingFile).then(
    () => undefined,
    (error: unknown) => String(error),
  );
  return {
    name: 'libtensorflow',
    ok: problem === undefined,
    expected: 'a convolution computed through its binding',
    found: problem ?? `computes, for the ${await deviceInUse()}`,
    remedy: setUpAgain,
  };
}

async function temporalCheck(): Promise<Check> {
  const version = await probe(temporalCli(), ['--version']);
  const expected = `the Temporal server as ${temporalCli()}`;
  return { name: 'temporal', ok: version !== undefined, expected, found: version ?? 'none', remedy: setUpAgain };
}

async function testServerCheck(): Promise<Check> {
  const path = temporalTestServer();
  const ok = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  const expected = `the Temporal test server as ${path}`;
  return { name: 'temporal test server', ok, expected, found: ok ? path : 'none', remedy: setUpAgain };
}

/** A GPU is welcome, never needed. */
async function gpuCheck(): Promise<Check> {
  const found = await gpus();
  const unused = found.length > 0 && (await deviceInUse()) !== 'gpu';
  return {
    name: 'gpu',
    ok: true,
    expected: 'an NVIDIA GPU, if one is to be used',
    found: found.join('; ') || 'none, computing on the CPU',
    remedy: unused ? 'run `npm run setup -- --device gpu` to use it' : '',
  };
}

/** Looks at everything that a run stands on; what only the set-up needs may be missing once all is set up. */
export async function diagnose(): Promise<Check[]> {
  const complete = await isSetUp();
  const forSetUp = await Promise.all([pythonCheck(), pipCheck(), compilerCheck()]);
  return [
    nodeCheck(),
    systemCheck(),
    ...forSetUp.map((check) =>
      complete && !check.ok ? { ...check, ok: true, found: `${check.found} (only the set-up needs it)` } : check,
    ),
    // Results and checkpoints of the small pipelines; a set-up asks for its own room.
    await diskCheck(root, 1e9),
    await libtensorflowCheck(),
    await temporalCheck(),
    await testServerCheck(),
    await gpuCheck(),
  ];
}
