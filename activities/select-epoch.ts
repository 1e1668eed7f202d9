import { BadInput } from '../plan/endings.ts';
import path from 'node:path';
import { activityInfo } from '@temporalio/activity';
import { existsSync } from 'node:fs';
import { errorOfStage, tokenOf } from './stage-activity.ts';
import { amend } from '../artifacts/fence.ts';
import { atomicPlace } from '../artifacts/files.ts';
import { readManifest } from '../artifacts/manifest.ts';
import { fileNames, placeOf, resultsRoot } from '../artifacts/paths.ts';
import type { SelectInput, StageResult } from '../plan/results.ts';

/**
 * Records the chosen epoch with who, when and why, and gives its supernet the name the original's users know,
 * `supernet_max_kt.safetensors`, beside its own.
 */
export async function selectEpoch(input: SelectInput): Promise<StageResult> {
  const { attempt } = activityInfo();
  try {
    return { outputs: await record(input), choices: null, chosen: input.chosen, attempt, reused: null };
  } catch (error) {
    throw errorOfStage(error, attempt);
  }
}

async function record(input: SelectInput): Promise<NonNullable<StageResult['outputs']>> {
  const root = resultsRoot();
  const { chosen, directory, stage } = input;
  const manifest = await readManifest(root, directory);
  const epoch = manifest?.epochs.find((candidate) => candidate.epoch === chosen.epoch);
  if (epoch?.file == null || !existsSync(placeOf(root, epoch.file))) {
    throw new BadInput(
      `${stage}: expected the supernet of epoch ${chosen.epoch} in ${directory}, got none; choose another epoch`,
    );
  }
  await atomicPlace(placeOf(root, epoch.file), path.join(placeOf(root, directory), fileNames.chosenSupernet));
  const { file, sha256, tau } = epoch;
  const selected = { file, sha256, epoch: chosen.epoch, tau, groups: input.with['groups'] ?? 1 };
  const when = new Date().toISOString();
  await amend(root, directory, tokenOf(input), (before) => ({
    ...before,
    outputs: { selected },
    selection: { ...chosen, tau, when },
  }));
  return { selected };
}
