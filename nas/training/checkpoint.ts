import path from 'node:path';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { z } from 'zod';
import { commit } from '../../artifacts/fence.ts';
import { sha256File, temporaryName } from '../../artifacts/files.ts';
import type { CheckpointRecord, Manifest } from '../../artifacts/manifest.ts';
import { fileNames, placeOf } from '../../artifacts/paths.ts';
import type { Job } from '../process/protocol.ts';
import type { Supernet } from '../supernet/supernet.ts';
import { readSafetensors, writeSafetensors } from '../weights/safetensors.ts';
import type { NamedTensor } from '../weights/safetensors.ts';
import { loadTensorFlow } from '../../runtime/binding.ts';

/** Where training stands: `step` steps of `epoch` are done. */
interface Position {
  readonly epoch: number;
  readonly step: number;
}

/** What a loop carries from step to step beside weights and momentum. Numbers come back bit for bit: JSON is exact. */
const LoopState = z.record(z.string(), z.union([z.number(), z.array(z.number())]));
export type LoopState = z.infer<typeof LoopState>;

/** What a stage goes on from. */
export interface Resumed {
  readonly at: Position;
  readonly state: LoopState;
}

const MOMENTUM = 'momentum.';
/** The newest may be damaged by what stopped us; then the one before serves. */
const KEPT = 2;

/** Writes weights, momentum and state to one file, commits it to the manifest, and removes all but the last two. */
export async function saveCheckpoint(job: Job, net: Supernet, at: Position, state: LoopState): Promise<void> {
  const file = `${job.directory}/${fileNames.checkpoints}/${at.epoch}-${at.step}.safetensors`;
  const from = temporaryName(placeOf(job.results, file));
  await mkdir(path.dirname(from), { recursive: true });
  const all = [...net.parameters];
  const tensors = [
    ...all.map((parameter) => lazily(parameter.name, parameter, () => parameter.read())),
    ...all.map((parameter) => lazily(MOMENTUM + parameter.name, parameter, () => parameter.readMomentum())),
  ];
  const { sha256 } = writeSafetensors(from, tensors, {
    epoch: String(at.epoch),
    step: String(at.step),
    state: JSON.stringify(state),
    ...circumstancesOf(job),
  });
  let dropped: readonly CheckpointRecord[] = [];
  await commit(
    job.results,
    job.directory,
    job.token,
    (manifest) => {
      const others = manifest.checkpoints.filter((record) => record.file !== file);
      const records = [...others, { ...at, file, sha256 }];
      dropped = records.slice(0, -KEPT);
      return { ...manifest, checkpoints: records.slice(-KEPT) };
    },
    [{ from, to: file }],
  );
  await Promise.all(dropped.map((record) => rm(placeOf(job.results, record.file), { force: true })));
}

/**
 * Loads the newest checkpoint that is whole into `net`; null where there is none. A damaged one is set aside
 * with a warning, and the one before it is taken: what it lacks is trained again, to the same bits.
 */
export async function restoreCheckpoint(job: Job, manifest: Manifest, net: Supernet): Promise<Resumed | null> {
  await removeStrays(job, manifest);
  for (const record of manifest.checkpoints.toReversed()) {
    const place = placeOf(job.results, record.file);
    const damage = await damageOf(place, record.sha256);
    if (damage === null) {
      const { metadata, tensors } = readSafetensors(place);
      for (const { name, data } of tensors) {
        if (name.startsWith(MOMENTUM)) net.parameters.get(name.slice(MOMENTUM.length)).assignMomentum(data);
        else net.parameters.get(name).assign(data);
      }
      for (const change of changesSince(metadata, circumstancesOf(job))) {
        console.warn(`${record.file}: ${change}; the rest of the training may have other bits than without the stop`);
      }
      const state = LoopState.parse(JSON.parse(metadata['state'] ?? '{}'));
      return { at: { epoch: record.epoch, step: record.step }, state };
    }
    console.warn(`${record.file}: ${damage}; it is set aside, training goes on from the checkpoint before it`);
    await commit(job.results, job.directory, job.token, (current) => ({
      ...current,
      checkpoints: current.checkpoints.filter(({ file }) => file !== record.file),
    }));
    await rename(place, `${place}.damaged`).catch(() => undefined);
  }
  return null;
}

/** Files that were put into place by an attempt that was killed before it recorded them. */
async function removeStrays(job: Job, manifest: Manifest): Promise<void> {
  const folder = placeOf(job.results, `${job.directory}/${fileNames.checkpoints}`);
  const known = new Set(manifest.checkpoints.map(({ file }) => path.basename(file)));
  const entries = await readdir(folder).catch(() => []);
  const strays = entries.filter((entry) => entry.endsWith('.safetensors') && !known.has(entry));
  await Promise.all(strays.map((entry) => rm(path.join(folder, entry), { force: true })));
}

async function damageOf(place: string, expected: string): Promise<string | null> {
  try {
    const found = await sha256File(place);
    return found === expected ? null : `expected sha256 ${expected}, got ${found}`;
  } catch (error) {
    return `expected a readable file, got ${String(error)}`;
  }
}

/** A tensor that is copied out when its turn comes, so that one at a time is in memory twice. */
function lazily(name: string, { shape }: { shape: readonly number[] }, read: () => Float32Array): NamedTensor {
  return {
    name,
    shape,
    get data(): Float32Array {
      return read();
    },
  };
}

/**
 * What decides the bits of a training: it stands in every checkpoint. The fingerprint holds the seeds and all of the config;
 * whatever is drawn at random is a pure function of these and of the step.
 */
function circumstancesOf({ fingerprint, threads }: Job): Record<string, string> {
  const { TF_Version: tensorflow } = loadTensorFlow();
  return { fingerprint, threads: String(threads), node: process.version, tensorflow };
}

/** What was other when a checkpoint was written, in words; none where the training goes on to the same bits. */
function changesSince(written: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): string[] {
  const changed = Object.keys(now).filter((name) => name !== 'node' && written[name] !== now[name]);
  return changed.map((name) => `${name} was ${written[name] ?? 'not recorded'} and is ${now[name]}`);
}
