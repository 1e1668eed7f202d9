import path from 'node:path';
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { sha256File } from '../../artifacts/files.ts';
import { readManifest } from '../../artifacts/results.ts';
import type { Job, TrainerMessage } from '../../nas/process/protocol.ts';
import { randomOf } from '../../nas/space/random.ts';
import { readSafetensors } from '../../nas/weights/safetensors.ts';
import { readEvents } from '../support/event-reader.ts';
import { holdIn } from '../support/held-stage.ts';
import type { Hold } from '../support/held-stage.ts';
import { jobOf, startStage } from '../support/stage-process.ts';
import type { StageProcess } from '../support/stage-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinyStandalone, tinySupernet } from '../support/training-configs.ts';

const trainer = 'nas/training/main.ts';
const directory = 'run/stage';

/** All that a stage leaves behind, by content. */
async function remainsOf(results: string) {
  const manifest = await readManifest(results, directory);
  const { epochs, checkpoints } = manifest!;
  const files = [...epochs, ...checkpoints].map(({ file }) => path.join(results, file!));
  const folder = path.join(results, directory);
  const log = path.join(folder, 'log.jsonl');
  const events = path.join(folder, 'tensorboard');
  const eventFiles = existsSync(events) ? readdirSync(events).toSorted() : [];
  return {
    epochs,
    checkpoints,
    hashes: await Promise.all(files.map(async (file) => await sha256File(file))),
    log: existsSync(log) ? readFileSync(log, 'utf8') : null,
    plotted: eventFiles.flatMap((file) => readEvents(path.join(events, file))),
  };
}

async function finish(job: Job): Promise<StageProcess> {
  const stage = await startStage(trainer, job, job.results);
  const { code, log } = await stage.ended;
  expect(code, log).toBe(0);
  expect(stage.messages.at(-1)?.type).toBe('done');
  return stage;
}

const isTraining = (message: TrainerMessage): boolean => message.type === 'progress' && message.phase === 'training';

test(
  'a supernet stage interrupted in every way leaves the same bits as one that ran straight',
  { timeout: 180_000 },
  async () => {
    const drops = { drop_connect: 0.2, drop_connect_only_last_two_stages: false };
    const config = tinySupernet({ epochs: 3, sample_way: 'fair', ...drops });
    const [straight, broken] = [temporaryFolder(), temporaryFolder()];
    const undisturbed = finish(jobOf('train-supernet', straight, directory, config));

    let attempt = 0;
    const begin = async ({ environment }: Hold): Promise<StageProcess> =>
      await startStage(trainer, jobOf('train-supernet', broken, directory, config, ++attempt), broken, environment);

    // Asked to stop: a checkpoint is written at once.
    const firstSteps = await holdIn(directory, 'training');
    const asked = await begin(firstSteps);
    await asked.when(isTraining);
    asked.child.kill('SIGTERM');
    await firstSteps.release();
    expect(await asked.ended).toMatchObject({ code: 0 });
    expect(asked.messages.at(-1)?.type).toBe('stopped');
    expect((await remainsOf(broken)).checkpoints).toHaveLength(1);

    // Killed at any moment of the first epoch's training.
    const killed = await begin(await holdIn(directory, 'calibrating'));
    const step = 1 + randomOf(Date.now(), 'kill').integer(5);
    await killed.when((message) => message.type === 'progress' && (message.step >= step || message.epoch > 0));
    killed.child.kill('SIGKILL');
    await killed.ended;

    // The newest checkpoint torn by a power cut, and the parent lost.
    const [newest] = (await remainsOf(broken)).checkpoints.toReversed();
    truncateSync(path.join(broken, newest!.file), 1000);
    const secondTest = await holdIn(directory, 'calibrating', 2);
    const orphan = await begin(secondTest);
    await orphan.when((message) => message.type === 'progress' && message.epoch === 1);
    orphan.child.disconnect();
    await secondTest.release();
    expect(await orphan.ended).toMatchObject({ code: 1, log: expect.stringContaining('it is dropped') });

    await finish(jobOf('train-supernet', broken, directory, config, ++attempt));
    await undisturbed;
    const remains = await remainsOf(broken);
    expect(remains).toEqual(await remainsOf(straight));
    const names = readdirSync(path.join(broken, directory, 'checkpoints'));
    expect(names.filter((name) => name.endsWith('.safetensors'))).toHaveLength(2);
    const { metadata } = readSafetensors(path.join(broken, remains.checkpoints[1]?.file ?? ''));
    expect(metadata).toMatchObject({
      epoch: '2',
      step: '5',
      fingerprint: 'f'.repeat(64),
      threads: '1',
      node: process.version,
      tensorflow: expect.stringMatching(/^2\./),
    });
    const points = remains.plotted.filter(({ summary }) => summary !== undefined);
    expect(points.map((point) => point.step)).toEqual([0, 1, 2]);
    expect(points.at(-1)?.summary?.value.map(({ tag }) => tag)).toEqual([
      'learning_rate/lr',
      'train/loss',
      'train/top1',
      'train/top5',
      'val/Kendallta',
      'val/min_subnet/top1',
      'val/min_subnet/top5',
      'val/max_subnet/top1',
      'val/max_subnet/top5',
      'val/min_subnet/loss',
      'val/max_subnet/loss',
    ]);

    // One that is finished has nothing left to do.
    const again = await finish({ ...jobOf('train-supernet', broken, directory, config, ++attempt), threads: 2 });
    expect((await again.ended).log).toContain('threads was 1 and is 2: the rest may have other bits');
    expect(again.messages.some((message) => message.type === 'progress' && message.phase === 'saving')).toBe(false);
    expect(await remainsOf(broken)).toEqual(await remainsOf(straight));

    // What was made of every epoch is deleted, the checkpoints are left: there would be nothing to choose from.
    for (const { file } of remains.epochs) rmSync(path.join(broken, file!));
    await finish(jobOf('train-supernet', broken, directory, config, ++attempt));
    const anew = await remainsOf(broken);
    expect(anew).toEqual(await remainsOf(straight));
  },
);

test(
  'a stage that tests its last epoch alone is as good there as one that tests all, killed in between or not',
  { timeout: 120_000 },
  async () => {
    const [all, last] = [temporaryFolder(), temporaryFolder()];
    const config = tinySupernet({ epochs: 3 });
    const undisturbed = finish(jobOf('train-supernet', all, directory, config));
    const { environment } = await holdIn(directory, 'calibrating');
    const selection = { ...config.selection, last_epochs: 1 };
    const attempt = (number: number): Job => jobOf('train-supernet', last, directory, { ...config, selection }, number);
    const killed = await startStage(trainer, attempt(1), last, environment);
    await killed.when((message) => message.type === 'progress' && message.epoch === 1);
    killed.child.kill('SIGKILL');
    await killed.ended;
    const gone = await finish(attempt(2));
    await undisturbed;
    const [epochs, one] = [(await remainsOf(all)).epochs, await remainsOf(last)];
    expect(one.epochs).toEqual(epochs.slice(2));
    const tested = gone.messages.flatMap((message) =>
      message.type === 'progress' && message.phase === 'evaluating' ? [message.epoch] : [],
    );
    expect(new Set(tested)).toEqual(new Set([2]));
    const lines = one.log!.trim().split('\n');
    const keys = lines.map((line) => Object.keys(z.record(z.string(), z.json()).parse(JSON.parse(line))));
    expect(keys.map((names) => names.includes('tau'))).toEqual([false, false, true]);
    expect(keys[0]).toEqual(['epoch', 'loss', 'train', 'lr']);

    // The only supernet is deleted: it is trained again.
    rmSync(path.join(last, one.epochs[0]!.file!));
    await finish(attempt(3));
    expect(await remainsOf(last)).toEqual(one);
  },
);

test(
  'a standalone stage that is killed goes on at the seed it was at, to the same bits',
  { timeout: 120_000 },
  async () => {
    const config = tinyStandalone({ epochs: 1, checkpoint_every_steps: 3 });
    const [straight, broken] = [temporaryFolder(), temporaryFolder()];
    const undisturbed = finish(jobOf('train-standalone', straight, directory, config));
    const { environment } = await holdIn(directory, 'calibrating', 2);
    const killed = await startStage(trainer, jobOf('train-standalone', broken, directory, config), broken, environment);
    await killed.when((message) => message.type === 'progress' && message.epoch === 1);
    killed.child.kill('SIGKILL');
    await killed.ended;
    await finish(jobOf('train-standalone', broken, directory, config, 2));
    await undisturbed;
    expect(await remainsOf(broken)).toEqual(await remainsOf(straight));
    const [mine, theirs] = [broken, straight].map((results) =>
      readFileSync(path.join(results, directory, 'result.json'), 'utf8'),
    );
    expect(mine).toBe(theirs);
  },
);
