import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { currentDevice } from './layout.ts';

/**
 * What a process needs in its environment, before it starts, to compute on that device alone: `cpu`, or `gpu:0` with a
 * card's number as nvidia-smi counts them (or its UUID).
 */
export function deviceEnvironment(device: string): Record<string, string> {
  if (!device.startsWith('gpu:')) return { NAS_DEVICE: device, CUDA_VISIBLE_DEVICES: '' };
  return {
    NAS_DEVICE: device,
    CUDA_VISIBLE_DEVICES: device.slice('gpu:'.length),
    CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
    // Memory is taken as it is needed, so that whoever shares the card finds some.
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    LD_LIBRARY_PATH: [...libraries(), process.env['LD_LIBRARY_PATH'] ?? ''].filter(Boolean).join(':'),
  };
}

/** The folders of NVIDIA's libraries that the set-up for GPUs has put beside libtensorflow. */
function libraries(): string[] {
  const folder = join(currentDevice, 'nvidia');
  try {
    return readdirSync(folder).map((name) => join(folder, name, 'lib'));
  } catch {
    return [];
  }
}
