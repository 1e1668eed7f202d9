import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { compilerCheck, demand, diskCheck, pipCheck, pythonCheck, systemCheck } from './checks.ts';
import { bindingIdentity, bindingIsInstalled, installBinding, useDevice } from './compile.ts';
import { commandFor, deviceInUse, home, root } from '../layout.ts';
import type { Device } from '../layout.ts';
import { architecture, gpus } from '../machine.ts';
import { contentsOf, readRequirements } from './requirements.ts';
import type { Wheel } from './requirements.ts';
import { explain, SetupError } from './words.ts';
import { installWheel, wheelIsInstalled } from './wheels.ts';

/** What a device needs and what of it is not there yet. */
interface Plan {
  readonly device: Device;
  readonly missing: readonly Wheel[];
  readonly identity: string;
  readonly bindingIsMissing: boolean;
}

/** The device to set up: the one asked for, else the one in use. A GPU that is not there is a note, not an error. */
async function chooseDevice(wanted: Device | undefined): Promise<Device> {
  if (wanted !== 'gpu') return wanted ?? deviceInUse() ?? 'cpu';
  if (architecture === 'x86_64' && (await gpus()).length > 0) return 'gpu';
  const reason =
    architecture === 'x86_64' ? 'nvidia-smi shows no GPU here' : `TensorFlow has no GPU build for ${architecture}`;
  console.log(`setup: ${reason}: setting up for the CPU`);
  return 'cpu';
}

async function planFor(device: Device): Promise<Plan> {
  const files = ['requirements-temporal.txt', `requirements-${device}.txt`];
  const pins = await Promise.all(
    files.map((file) => readRequirements(join(root, 'runtime/setup', file), architecture)),
  );
  const wheels = pins.flat().map((pin) => ({ pin, contents: contentsOf(pin, device) }));
  const library = wheels.find(({ pin }) => pin.name.startsWith('tensorflow'))?.pin;
  if (!library) {
    throw new SetupError(
      `setup: expected TensorFlow for ${architecture} in runtime/setup/requirements-${device}.txt, got none; use another machine`,
    );
  }
  const present = await Promise.all(wheels.map((wheel) => wheelIsInstalled(home, wheel)));
  const identity = await bindingIdentity(library);
  return {
    device,
    missing: wheels.filter((_, index) => !present[index]),
    identity,
    bindingIsMissing: !(await bindingIsInstalled(home, device, identity)),
  };
}

const isComplete = (plan: Plan): boolean => plan.missing.length === 0 && !plan.bindingIsMissing;

/** Refuses before anything is fetched what would fail later. */
async function checkMachine({ missing, bindingIsMissing }: Plan): Promise<void> {
  demand(systemCheck());
  if (missing.length > 0) {
    demand(await pythonCheck());
    demand(await pipCheck());
  }
  if (bindingIsMissing) demand(await compilerCheck());
  const stays = missing.reduce((sum, { pin }) => sum + pin.unpacked, 0);
  demand(await diskCheck(home, stays + Math.max(0, ...missing.map(({ pin }) => pin.download)), 'NAS_RUNTIME'));
}

async function install(plan: Plan): Promise<void> {
  await mkdir(home, { recursive: true });
  await checkMachine(plan);
  const [gpu] = plan.device === 'cpu' ? await gpus() : [];
  if (gpu)
    console.log(`setup: for the CPU; \`${commandFor('setup', '--device gpu')}\` sets up for the GPU here (${gpu})`);
  for (const wheel of plan.missing) await installWheel(home, wheel);
  await rm(join(home, 'work'), { recursive: true, force: true });
  if (plan.bindingIsMissing) await installBinding(home, plan.device, plan.identity);
}

/** Whether everything that the device in use needs is there. */
export async function isSetUp(): Promise<boolean> {
  const device = deviceInUse();
  return device !== undefined && isComplete(await planFor(device));
}

/**
 * Makes libtensorflow, its binding and the Temporal server usable, doing only what is not done yet. Returns the one
 * sentence that says what went wrong and what to do, or undefined if all is well.
 */
export async function setUp(options: { readonly device?: Device }): Promise<string | undefined> {
  try {
    const plan = await planFor(await chooseDevice(options.device));
    if (!isComplete(plan)) await install(plan);
    if (deviceInUse() !== plan.device) await useDevice(home, plan.device);
    return undefined;
  } catch (error) {
    return explain(error, home);
  }
}
