import { claimStage, closeAttempt, commit } from '../../artifacts/fence.ts';
import type { FileReference } from '../../plan/results.ts';

/** A manifest that says that the stage is done and has these files. */
export async function finishedStage(
  root: string,
  directory: string,
  uses: string,
  files: readonly FileReference[],
): Promise<void> {
  const token = { workflowId: 'r', runId: 'a', stage: directory, round: 1, attempt: 1 };
  const claim = { uses, fingerprint: directory, config: {}, environment: {}, device: 'cpu' };
  await claimStage(root, directory, token, { ...claim, queued: '2026-01-01T00:00:00Z' });
  await commit(root, directory, token, (before) => ({ ...before, state: 'done', outputs: {}, files: [...files] }));
  await closeAttempt(root, directory, token, { ending: 'done', phases: null });
}
