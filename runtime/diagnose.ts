import { compilerCheck, diskCheck, pipCheck, pythonCheck, systemCheck } from './checks.ts';
import type { Check } from './checks.ts';
import { testBinding } from './compile-binding.ts';
import { bindingFile, root, temporalCli } from './layout.ts';
import { gpus, probe } from './machine.ts';
import { deviceInUse, isSetUp } from './setup.ts';
import { measureSpeed } from './speed.ts';

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

/** How fast it is, on the first card where there is one to compute on. */
async function speedChecks(): Promise<Check[]> {
  const cards = await gpus();
  const isForGpus = (await deviceInUse()) === 'gpu';
  const wanted = isForGpus && cards.length > 0 ? 'gpu' : 'cpu';
  const speed = await measureSpeed(wanted === 'gpu' ? 'gpu:0' : 'cpu').catch(String);
  if (typeof speed === 'string') {
    return [gpuCheck(cards, isForGpus, wanted === 'cpu'), { ...speedCheck, ok: false, found: speed }];
  }
  const { device, float32, bf16, operation } = speed;
  const place = device === 'gpu' ? 'on the first card' : 'on one thread of the processor';
  const found = `${float32.toPrecision(3)} TFLOP/s in float32, ${bf16.toPrecision(3)} in bf16, ${operation.toFixed(0)} µs an operation at least, ${place}`;
  return [gpuCheck(cards, isForGpus, device === wanted), { ...speedCheck, found }];
}

const speedCheck: Check = {
  name: 'convolution speed',
  ok: true,
  expected: 'convolutions forward and backward, measured for a second',
  found: '',
  remedy: setUpAgain,
};

/** A GPU is welcome, never needed; but one that TensorFlow should use and cannot is a fault. */
function gpuCheck(cards: readonly string[], isForGpus: boolean, isUsed: boolean): Check {
  const found = cards.length > 0 ? cards.join('; ') : 'none, computing on the CPU';
  const check = { name: 'gpu', ok: isUsed, found, expected: 'an NVIDIA GPU, if one is to be used' };
  if (cards.length > 0 && !isForGpus) {
    return { ...check, found: `${found}; not in use, for that run \`npm run setup -- --device gpu\``, remedy: '' };
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
    ...(await speedChecks()),
    await temporalCheck(),
  ];
}
