import { activityInfo } from '@temporalio/activity';
import { tokenOf, withHeartbeats } from './attempt.ts';
import { failureOf } from './endings.ts';
import { fileNames, resultsRoot } from '../artifacts/paths.ts';
import { openStore } from '../artifacts/results.ts';
import { selectedOf } from '../artifacts/reuse.ts';
import { amend, replaced } from '../artifacts/stage.ts';
import { BadInput } from '../plan/endings.ts';
import type { SelectedSupernet } from '../artifacts/references.ts';
import type { SelectInput, StageResult } from '../plan/results.ts';

/**
 * Records the chosen epoch with who, when and why, and gives its supernet the name the original's users know,
 * `supernet_max_kt.safetensors`, beside its own.
 */
export async function selectEpoch(input: SelectInput): Promise<StageResult> {
  const { attempt } = activityInfo();
  return await withHeartbeats(async () => {
    const selected = await record(input);
    return { outputs: { selected: { ...selected } }, choices: null, chosen: input.chosen, attempt, reused: null };
  }).catch((error: unknown) => {
    throw failureOf(error, { attempt, tries: attempt, retry: null });
  });
}

async function record(input: SelectInput): Promise<SelectedSupernet> {
  const { chosen, directory, stage } = input;
  const store = openStore(resultsRoot());
  const manifest = await store.read(directory);
  const selected = manifest === null ? null : selectedOf(manifest, chosen.epoch);
  if (selected === null || !(await store.has(selected))) {
    throw new BadInput(
      `${stage}: expected the supernet of epoch ${chosen.epoch} in ${directory}, got none; choose another epoch`,
    );
  }
  const when = new Date().toISOString();
  const copy = { file: `${directory}/${fileNames.chosenSupernet}`, copyOf: selected };
  await amend(store, directory, tokenOf(input), [copy], (before, files) => ({
    ...before,
    outputs: { selected: { ...selected } },
    selection: { ...chosen, tau: selected.tau, when },
    extras: replaced(before.extras, files),
  }));
  return selected;
}
