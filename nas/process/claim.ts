import { claimStage } from '../../artifacts/fence.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import { loadTensorFlow } from '../../runtime/binding.ts';
import type { Job } from './protocol.ts';
import { parseInput } from './harness.ts';
import { z } from 'zod';

/**
 * Takes hold of the job's stage and writes down what it runs on. A parent that claimed it for the same attempt has its
 * ledger line kept; run by hand, the line is made here. Loads TensorFlow.
 */
export async function claimJob(job: Job): Promise<Manifest> {
  const { binding } = loadTensorFlow();
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
    device: binding.isUsingGpuDevice() ? `gpu:${process.env['CUDA_VISIBLE_DEVICES'] ?? '0'}` : 'cpu',
    queued: new Date().toISOString(),
  });
}
