import { claimStage } from '../../artifacts/fence.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import { loadTensorFlow } from '../../runtime/binding.ts';
import { parseInput } from './harness.ts';
import { TrainerError } from './protocol.ts';
import type { Job } from './protocol.ts';
import { z } from 'zod';

/**
 * Takes hold of the job's stage and writes down what it runs on. A parent that claimed it for the same attempt has its
 * ledger line kept; run by hand, the line is made here. Loads TensorFlow.
 * @throws TrainerError where the stage was given a card and TensorFlow does not compute on it: days on the processor help nobody
 */
export async function claimJob(job: Job): Promise<Manifest> {
  const { binding } = loadTensorFlow();
  const isOnGpu = binding.isUsingGpuDevice();
  const device = process.env['NAS_DEVICE'] ?? (isOnGpu ? 'gpu:0' : 'cpu');
  if (device.startsWith('gpu:') && !isOnGpu) {
    throw new TrainerError(
      'Crashed',
      `${device}: expected TensorFlow to compute on this card, got the processor; run \`nas doctor\` on this machine`,
    );
  }
  return await claimStage(job.results, job.directory, job.token, {
    uses: job.kind,
    fingerprint: job.fingerprint,
    config: parseInput(z.json(), job.with, 'with'),
    environment: {
      node: process.version,
      tensorflow: binding.TF_Version,
      platform: `${process.platform} ${process.arch}`,
      threads: job.threads,
    },
    device,
    queued: new Date().toISOString(),
  });
}
