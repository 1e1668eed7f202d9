import path from 'node:path';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { deviceEnvironment } from '../../runtime/machine.ts';
import { nas } from '../support/nas.ts';
import { jobOf, startStage } from '../support/stage-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/training-configs.ts';

// What needs a card is tried with fakes of the outside world: an nvidia-smi that lies, a set-up for GPUs that is empty.

/** The environment of a machine with so many cards; `device` is what libtensorflow was set up for. */
function machineWith(cards: number, device: 'cpu' | 'gpu'): Record<string, string> {
  const [bin, runtime] = [temporaryFolder(), temporaryFolder()];
  const lines = Array.from({ length: cards }, () => 'NVIDIA A100-SXM4-80GB, 81920 MiB, 550.54.15');
  writeFileSync(path.join(bin, 'nvidia-smi'), `#!/bin/sh\ncat <<END\n${lines.join('\n')}\nEND\n`, { mode: 0o755 });
  mkdirSync(path.join(runtime, device));
  symlinkSync(device, path.join(runtime, 'current'));
  const known = Array.from({ length: cards }, (_, card) => card).join();
  return { PATH: `${bin}:${process.env['PATH']}`, NAS_RUNTIME: runtime, CUDA_VISIBLE_DEVICES: known };
}

test('cards that are not there, or that libtensorflow cannot use, are refused before anything starts', async () => {
  const [unknown, hidden, cpu] = await Promise.all([
    nas(['worker', '--gpu', '0,2'], machineWith(2, 'gpu')),
    nas(['worker', '--gpu', '0'], { ...machineWith(2, 'gpu'), CUDA_VISIBLE_DEVICES: '1' }),
    nas(['worker', '--gpu', '0'], machineWith(2, 'cpu')),
  ]);
  expect([unknown, hidden, cpu].map(({ code }) => code)).toEqual([2, 2, 2]);
  expect(unknown.stderr).toMatch(/^--gpu: expected cards of this machine \(0, 1, .*\), got 2; /);
  expect(hidden.stderr).toMatch(/^--gpu: expected cards of this machine \(1, .*\), got 0; /);
  expect(cpu.stderr).toMatch(/^--gpu: expected libtensorflow for GPUs, .*--device gpu`$/m);
});

test('a process sees its own card alone, takes memory as it needs it, tries no kernels, and cards count as nvidia-smi counts them', () => {
  expect(deviceEnvironment('gpu:3')).toMatchObject({
    NAS_DEVICE: 'gpu:3',
    CUDA_VISIBLE_DEVICES: '3',
    CUDA_DEVICE_ORDER: 'PCI_BUS_ID',
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    TF_CUDNN_USE_AUTOTUNE: '0',
    TF_DISABLE_RZ_CHECK: '1',
  });
  expect(deviceEnvironment('cpu')).toEqual({ NAS_DEVICE: 'cpu', CUDA_VISIBLE_DEVICES: '' });
});

test('a stage that was given a card does not quietly compute on the processor', async () => {
  const folder = temporaryFolder();
  const environment = { NAS_DEVICE: 'gpu:0', CUDA_VISIBLE_DEVICES: '' };
  const job = jobOf('train-supernet', folder, 'run/one-shot', tinySupernet());
  const stage = await startStage('nas/training/main.ts', job, folder, environment);
  expect(await stage.ended).toMatchObject({ code: 1 });
  expect(stage.messages.at(-1)).toMatchObject({
    ending: 'Crashed',
    message: expect.stringMatching(/^gpu:0: expected TensorFlow to compute on this card, .*nas doctor/),
  });
});

test('a card without room is told as such, with what helps', async () => {
  const folder = temporaryFolder();
  const job = jobOf('train-supernet', folder, 'toy', { ending: 'memory' });
  const stage = await startStage('test/support/toy-stage.ts', job, folder, { NAS_DEVICE: 'gpu:1' });
  await stage.ended;
  expect(stage.messages.at(-1)).toMatchObject({
    ending: 'OutOfMemory',
    message: expect.stringMatching(/^expected enough memory of gpu:1, got: .*batch_size smaller, .*precision: bf16/),
  });
});
