import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { keep, kept } from './cache.ts';
import { bindingFile, programFile } from './layout.ts';
import { deviceEnvironment } from './machine.ts';

/** How fast convolutions are computed here: on one card, or on one thread of the processor. */
export interface Speed {
  readonly version: 1;
  /** Of libtensorflow. */
  readonly tensorflow: string;
  readonly device: 'cpu' | 'gpu';
  /** 10¹² floating-point operations a second, a multiplication and an addition being two. */
  readonly float32: number;
  readonly bf16: number;
  /** 10⁹ bytes a second that operations other than convolutions read and write. */
  readonly bandwidth: number;
  /** Microseconds that an operation takes at least, however small. */
  readonly operation: number;
}

const SPEED_FILE = 'speed.json';

/** Measures for a second in a process of its own, and keeps the figures for later where it can. Throws what the process says if it fails. */
export async function measureSpeed(device: string): Promise<Speed> {
  const environment = { ...process.env, ...deviceEnvironment(device), TF_NUM_INTRAOP_THREADS: '1' };
  const { stdout } = await promisify(execFile)(process.execPath, [programFile('runtime/measure.ts'), bindingFile], {
    env: environment,
    timeout: 120_000,
  });
  const speed: Speed = JSON.parse(stdout);
  await keep(SPEED_FILE, speed);
  return speed;
}

function isSpeed(value: unknown): value is Speed {
  return typeof value === 'object' && value !== null && 'version' in value && value.version === 1;
}

/** What was measured last; undefined where nothing was yet. */
export async function lastSpeed(): Promise<Speed | undefined> {
  const speed = await kept(SPEED_FILE);
  return isSpeed(speed) ? speed : undefined;
}
