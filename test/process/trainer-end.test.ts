import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { PhaseClock } from '../../activities/progress.ts';
import { runTrainer } from '../../activities/trainer.ts';
import { openStore } from '../../artifacts/results.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { JsonMap } from '../../artifacts/json.ts';
import type { JsonObject } from '../../plan/json.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/training-configs.ts';

/** What becomes of a stage whose process ends with that code after it has said that it is done; at once, or when asked to stop. */
async function endOf(code: number, isAsked = false): Promise<JsonObject> {
  const environment = new MockActivityEnvironment();
  const config = JsonMap.parse(JSON.parse(JSON.stringify(tinySupernet({ seed: code, epochs: isAsked ? 2 : 1 }))));
  const stage = await HeldStage.claim(openStore(temporaryFolder()), directory, tokenOf(), claim);
  const asked = new ActivityCancellationDetails({ cancelRequested: true });
  const attempt = {
    input: { stage: 'one-shot', uses: 'train-supernet', directory, round: 1, with: config },
    runs: { as: 'process', entry: 'unused' } as const,
    stage,
    folder: await stage.store.workFolder(directory),
    devices: ['cpu'],
    phases: new PhaseClock(),
    report: () => {
      if (isAsked) environment.cancel('CANCELLED', asked);
    },
  };
  return await environment.run<[], JsonObject, () => Promise<JsonObject>>(() =>
    runTrainer(attempt, 'test/support/done-process.ts'),
  );
}

test('a stage is done where its process says so and ends well, also if it was asked to stop in that moment', async () => {
  expect(await endOf(0)).toEqual({ made: 'all of it' });
  expect(await endOf(0, true)).toEqual({ made: 'all of it' });
});

test('what a process has promised does not count where it ends badly', async () => {
  await expect(endOf(3)).rejects.toMatchObject({ ending: 'Crashed' });
});
