import pc from 'picocolors';
import type { Command } from 'commander';
import { isS3, resultsRoot, storeCache } from '../artifacts/paths.ts';
import { openStore } from '../artifacts/results.ts';
import { jsonOption, output } from './options.ts';
import { columns } from './view/format.ts';
import {
  bindingFile,
  cacheFolder,
  commandFor,
  deviceInUse,
  isWritable,
  nearest,
  serverHome,
  temporalCli,
} from '../runtime/layout.ts';
import { gpus, probe } from '../runtime/machine.ts';
import { compilerCheck, diskCheck, nodeCheck, pipCheck, pythonCheck, systemCheck } from '../runtime/setup/checks.ts';
import type { Check } from '../runtime/setup/checks.ts';
import { testBinding } from '../runtime/setup/compile.ts';
import { isSetUp } from '../runtime/setup/setup.ts';
import { measureSpeed } from '../runtime/speed.ts';

export function define(command: Command): void {
  command.addOption(jsonOption()).action(doctor);
}

async function doctor({ json }: { json?: true }): Promise<void> {
  const checks = await allChecks();
  const ok = checks.every((check) => check.ok);
  if (!ok) process.exitCode = 1;
  output(json, { ok, checks }, () => {
    const rows = checks.map((check) => [check.ok ? pc.green('✓') : pc.red('✗'), check.name, check.found]);
    const remedies = checks
      .filter(({ ok: fine, remedy }) => !fine && remedy !== '')
      .map(({ name, expected, remedy }) => `${name}: expected ${expected}; ${remedy}`);
    return [...columns(rows), ...remedies].join('\n');
  });
}

/** Looks at everything that a run stands on. */
async function allChecks(): Promise<Check[]> {
  const complete = await isSetUp();
  const forSetUp = await Promise.all([pythonCheck(), pipCheck(), compilerCheck()]);
  return [
    nodeCheck(),
    systemCheck(),
    // Once all is set up they may be missing.
    ...forSetUp.map((check) =>
      complete && !check.ok ? { ...check, ok: true, found: `${check.found} (only the set-up needs it)` } : check,
    ),
    isS3(resultsRoot()) ? await bucketCheck(resultsRoot()) : folderCheck('results', resultsRoot(), 'NAS_RESULTS'),
    folderCheck('server state', serverHome, 'NAS_HOME'),
    folderCheck('cache', cacheFolder(), 'NAS_CACHE'),
    // Results and checkpoints of the small pipelines; a set-up asks for its own room.
    isS3(resultsRoot())
      ? await diskCheck(nearest(storeCache()), 1e9, 'NAS_CACHE')
      : await diskCheck(nearest(resultsRoot()), 1e9, 'NAS_RESULTS'),
    await libtensorflowCheck(),
    ...(await computingChecks()),
    await temporalCheck(),
  ];
}

function folderCheck(name: string, folder: string, variable: string): Check {
  return {
    name,
    ok: isWritable(folder),
    expected: 'a folder that can be written',
    found: folder,
    remedy: `name another by ${variable}`,
  };
}

async function bucketCheck(root: string): Promise<Check> {
  const problem = await openStore(root)
    .probe()
    .then(
      () => null,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
  return {
    name: 'results',
    ok: problem === null,
    expected: 'a bucket that keeps its promises to many writers',
    found: problem ?? root,
    remedy: 'see docs/store.md',
  };
}

const setUpAgain = `run \`${commandFor('setup')}\``;

async function libtensorflowCheck(): Promise<Check> {
  const problem = await testBinding(bindingFile).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  return {
    name: 'libtensorflow',
    ok: problem === undefined,
    expected: 'a convolution computed through its binding',
    found: problem ?? `computes, for the ${deviceInUse()}`,
    remedy: setUpAgain,
  };
}

/** The card, and how fast convolutions are: on the first card where there is one to compute on. */
async function computingChecks(): Promise<Check[]> {
  const cards = await gpus();
  const isForGpus = deviceInUse() === 'gpu';
  const wanted = isForGpus && cards.length > 0 ? 'gpu' : 'cpu';
  const check = {
    name: 'convolution speed',
    expected: 'convolutions forward and backward, measured here',
    remedy: setUpAgain,
  };
  try {
    const { device, float32, bf16, operation } = await measureSpeed(wanted === 'gpu' ? 'gpu:0' : 'cpu');
    const place = device === 'gpu' ? 'on the first card' : 'on one thread of the processor';
    const found = `${float32.toPrecision(3)} TFLOP/s in float32, ${bf16.toPrecision(3)} in bf16, ${operation.toFixed(0)} µs an operation at least, ${place}`;
    return [gpuCheck(cards, isForGpus, device === wanted), { ...check, ok: true, found }];
  } catch (error) {
    return [gpuCheck(cards, isForGpus, wanted === 'cpu'), { ...check, ok: false, found: String(error) }];
  }
}

/** A GPU is welcome, never needed; but one that TensorFlow should use and cannot is a fault. */
function gpuCheck(cards: readonly string[], isForGpus: boolean, isUsed: boolean): Check {
  const found = cards.length > 0 ? cards.join('; ') : 'none, computing on the CPU';
  const check = { name: 'gpu', ok: isUsed, found, expected: 'an NVIDIA GPU, if one is to be used' };
  if (cards.length > 0 && !isForGpus) {
    return {
      ...check,
      found: `${found}; not in use, for that run \`${commandFor('setup', '--device gpu')}\``,
      remedy: '',
    };
  }
  if (isUsed) return { ...check, remedy: '' };
  return {
    ...check,
    expected: 'TensorFlow to compute on the first of these cards',
    found: `${found}; but TensorFlow does not compute on it`,
    remedy: 'update the driver (525 or later), and see what other programs on the card say',
  };
}

async function temporalCheck(): Promise<Check> {
  const version = await probe(temporalCli(), ['--version']);
  const expected = `the Temporal server as ${temporalCli()}`;
  return { name: 'temporal', ok: version !== undefined, expected, found: version ?? 'none', remedy: setUpAgain };
}
