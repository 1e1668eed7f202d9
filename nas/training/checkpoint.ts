import { z } from 'zod';
import { JsonMap } from '../../artifacts/json.ts';
import type { CheckpointRecord } from '../../artifacts/manifest.ts';
import { fileNames } from '../../artifacts/paths.ts';
import type { HeldStage } from '../../artifacts/stage.ts';
import { KnownError } from '../../plan/endings.ts';
import type { Ranks } from '../supernet/ranks.ts';
import type { Supernet } from '../supernet/supernet.ts';
import { readSafetensors, fillSafetensors } from '../weights/safetensors.ts';
import type { NamedTensor } from '../weights/safetensors.ts';

/** Where training stands: `step` steps of `epoch` are done. */
interface Position {
  readonly epoch: number;
  readonly step: number;
  /** Of each step, over all ranks. */
  readonly images: number;
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

/** Writes weights, momentum and state to one file and commits it; of earlier checkpoints the last one stays. */
export async function saveCheckpoint(
  stage: HeldStage,
  net: Supernet,
  { images, ...at }: Position,
  state: LoopState,
): Promise<void> {
  const file = `${stage.directory}/${fileNames.checkpoints}/${at.epoch}-${at.step}.safetensors`;
  const all = [...net.parameters];
  const tensors = [
    ...all.map((parameter) => lazily(parameter.name, parameter, () => parameter.read())),
    ...all.map((parameter) => lazily(MOMENTUM + parameter.name, parameter, () => parameter.readMomentum())),
  ];
  const { fingerprint, environment } = stage.manifest;
  const metadata = {
    epoch: String(at.epoch),
    step: String(at.step),
    images: String(images),
    state: JSON.stringify(state),
    fingerprint,
    ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)])),
  };
  const write = (path: string) => fillSafetensors(path, tensors, metadata);
  await stage.commit([{ file, write }], (manifest, [saved]) => {
    const others = manifest.checkpoints.filter((record) => record.file !== file);
    return { ...manifest, checkpoints: [...others, { ...at, file, sha256: saved!.sha256 }].slice(-KEPT) };
  });
}

/**
 * Loads the newest checkpoint that is whole into `net`; null where there is none. A damaged one is dropped with a warning,
 * and the one before it is taken: what it lacks is trained again, to the same bits.
 * @throws KnownError where ranks find different ones
 */
export async function restoreCheckpoint(stage: HeldStage, net: Supernet, ranks: Ranks): Promise<Resumed | null> {
  const resumed = await newestWhole(stage, net);
  const { epoch, step } = resumed?.at ?? { epoch: -1, step: -1 };
  const places = ranks.gather([epoch, step]).map((place) => place.join('-'));
  if (new Set(places).size === 1) return resumed;
  throw new KnownError(
    'Crashed',
    `${stage.directory}: expected all ranks to go on at one checkpoint, got ${places.join(', ')}; check that they see the same files`,
  );
}

async function newestWhole(stage: HeldStage, net: Supernet): Promise<Resumed | null> {
  for (const record of stage.manifest.checkpoints.toReversed()) {
    const damage = await damageOf(stage, record);
    if (damage === null) {
      const { metadata, tensors } = readSafetensors(await stage.store.fetch(record));
      for (const { name, data } of tensors) {
        if (name.startsWith(MOMENTUM)) net.parameters.get(name.slice(MOMENTUM.length)).assignMomentum(data);
        else net.parameters.get(name).assign(data);
      }
      const state = LoopState.parse(JSON.parse(metadata['state'] ?? '{}'));
      // Release 0.1.0 had one rank, and did not say.
      const images = Number(metadata['images'] ?? JsonMap.parse(stage.manifest.config)['batch_size']);
      return { at: { epoch: record.epoch, step: record.step, images }, state };
    }
    console.warn(`${record.file}: ${damage}; it is dropped, training goes on from the checkpoint before it`);
    await stage.change((current) => ({
      ...current,
      checkpoints: current.checkpoints.filter(({ file }) => file !== record.file),
    }));
  }
  return null;
}

async function damageOf({ store }: HeldStage, record: CheckpointRecord): Promise<string | null> {
  const { sha256 } = record;
  const found = await store.hashOf(record);
  return found === sha256 ? null : `expected sha256 ${sha256}, got ${found ?? 'no file'}`;
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
