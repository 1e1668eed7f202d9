import { BadInput, KnownError } from '../../plan/endings.ts';
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { claimStage } from '../../artifacts/fence.ts';
import { sha256File } from '../../artifacts/files.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import { placeOf } from '../../artifacts/paths.ts';
import { parseInput } from './harness.ts';
import type { Job } from './protocol.ts';
import { loadTensorFlow } from '../../runtime/binding.ts';
import { root } from '../../runtime/layout.ts';

/** A file by what it must hold: results change names and places, never their bytes. */
interface FileReference {
  readonly file: string;
  readonly sha256: string;
}

/** A supernet's file; `origin` says that it lies below the project's root. */
interface SupernetFile extends FileReference {
  readonly origin?: 'project' | undefined;
}

async function resultFile(results: string, reference: FileReference): Promise<string> {
  return await checked(
    placeOf(results, reference.file),
    reference,
    'the result was changed; run the stage that makes it anew',
  );
}

/** The absolute path of a supernet that another stage made, or that the pipeline names by its file; throws BadInput unless it has the bytes that it is named for. */
export async function supernetFile(results: string, reference: SupernetFile): Promise<string> {
  return reference.origin === 'project' ? await projectPlace(reference) : await resultFile(results, reference);
}

/** The text of a file below the project's root (a list of subnets, a ground truth); throws BadInput as `supernetFile`. */
export async function projectFile(reference: FileReference): Promise<string> {
  return await readFile(await projectPlace(reference), 'utf8');
}

async function projectPlace(reference: FileReference): Promise<string> {
  const remedy = 'the file was changed after the run was planned; start a new run';
  return await checked(path.resolve(root, reference.file), reference, remedy);
}

async function checked(place: string, { file, sha256 }: FileReference, remedy: string): Promise<string> {
  const found = await sha256File(place).catch((cause: unknown) => {
    throw new BadInput(`${file}: expected a readable file, got ${String(cause)}`, { cause });
  });
  if (found !== sha256) throw new BadInput(`${file}: expected sha256 ${sha256}, got ${found}; ${remedy}`);
  return place;
}

/**
 * Takes hold of the job's stage and writes down what it runs on. A parent that claimed it for the same attempt has its
 * ledger line kept; run by hand, the line is made here. Loads TensorFlow.
 * @throws KnownError where the stage was given a card and TensorFlow does not compute on it: days on the processor help nobody
 */
export async function claimJob(job: Job): Promise<Manifest> {
  const binding = loadTensorFlow();
  const isOnGpu = binding.isUsingGpuDevice();
  const device = process.env['NAS_DEVICE'] ?? (isOnGpu ? 'gpu:0' : 'cpu');
  if (device.startsWith('gpu:') && !isOnGpu) {
    throw new KnownError(
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
