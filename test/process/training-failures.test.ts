import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readManifest } from '../../artifacts/results.ts';
import { holdIn } from '../support/held-stage.ts';
import { claimFor, jobOf, startStage } from '../support/stage-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/training-configs.ts';

const trainer = 'nas/training/main.ts';

async function failureOf(config: object): Promise<unknown> {
  const results = temporaryFolder();
  const stage = await startStage(trainer, jobOf('train-supernet', results, 'run/stage', config), results);
  expect(await stage.ended).toMatchObject({ code: 1 });
  const last = stage.messages.at(-1);
  return last?.type === 'failed' ? { ending: last.ending, message: last.message } : last;
}

test('a loss that is no number ends the stage for good, and says where and what to try', async () => {
  const { lr_scheduler: scheduler } = tinySupernet();
  const wild = tinySupernet({ lr_scheduler: { ...scheduler, base_lr: 1e30 }, warmup_epochs: 0, grad_clip_value: null });
  const message: unknown = expect.stringMatching(
    /^epoch 0, step \d: expected a finite loss .* try a smaller lr_scheduler.base_lr/,
  );
  expect(await failureOf(wild)).toEqual({ ending: 'NaNLoss', message });
});

test('bad input is refused before anything is written', async () => {
  const { ground_truth: truth } = tinySupernet();
  const changed = tinySupernet({ ground_truth: { ...truth, sha256: '0'.repeat(64) } });
  const wrong = { ...tinySupernet(), epochs: 0, batch_size: 'many' };
  const [first, second] = await Promise.all([failureOf(changed), failureOf(wrong)]);
  expect(first).toMatchObject({
    ending: 'BadInput',
    message: expect.stringMatching(/ground-truth-tiny\.json: expected sha256 0{64}, got .*; .* start a new run/),
  });
  expect(second).toMatchObject({
    ending: 'BadInput',
    message: expect.stringMatching(/with\.batch_size: .*\n.*with\.epochs: /s),
  });
});

/** What it had half written is nobody's: the next claim sweeps it away. */
function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => (entry.isFile() && !entry.name.endsWith('.tmp') ? entry.name : [])).toSorted();
}

test('a trainer that stood still while another attempt finished is refused when it wakes up, and changes nothing', async () => {
  const results = temporaryFolder();
  const job = jobOf('train-supernet', results, 'run/stage', tinySupernet({ epochs: 50 }));
  const { environment, release } = await holdIn('run/stage', 'training');
  const zombie = await startStage(trainer, job, results, environment);
  await zombie.when((message) => message.type === 'progress' && message.phase === 'training');
  zombie.child.kill('SIGSTOP');
  const replacement = await claimFor(jobOf('train-supernet', results, 'run/stage', {}, 2));
  const mine = await replacement.end({ ending: 'done', phases: null }, { state: 'done' });
  const files = filesIn(results);
  await release();
  zombie.child.kill('SIGCONT');
  const { code, log } = await zombie.ended;
  expect(code).toBe(1);
  expect(log).toContain('attempt 2; this attempt ends here');
  expect(zombie.messages.at(-1)).toMatchObject({ ending: 'Fenced' });
  expect(await readManifest(results, 'run/stage')).toEqual(mine);
  expect(filesIn(results)).toEqual(files);
});
