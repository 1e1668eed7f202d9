import { sha256Of } from '../../artifacts/files.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import { openStore } from '../../artifacts/results.ts';
import { HeldStage } from '../../artifacts/stage.ts';

/** A stage whose manifest says that it is done, with whatever else it says; its files lie there already, or not at all. */
export async function finishedStage(
  root: string,
  directory: string,
  uses: string,
  made: Partial<
    Pick<Manifest, 'files' | 'outputs' | 'config' | 'fingerprint' | 'environment' | 'epochs' | 'selection'>
  > & { readonly stage?: string },
): Promise<void> {
  const { fingerprint = sha256Of(directory), config = {}, files = [], outputs = {}, environment = {} } = made;
  const { epochs = [], selection = null, stage: id = directory } = made;
  const token = { workflowId: 'r', runId: 'a', stage: id, round: 1, attempt: 1 };
  const claim = { uses, fingerprint, config, environment, device: 'cpu', queued: '2026-01-01T00:00:00Z' };
  const stage = await HeldStage.claim(openStore(root), directory, token, claim);
  await stage.end({ ending: 'done', phases: null }, { state: 'done', outputs, files, epochs, selection });
}
