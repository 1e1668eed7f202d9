import { KnownError } from '../../plan/endings.ts';
import { appendFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { placeOf } from '../../artifacts/paths.ts';
import type { HeldStage } from '../../artifacts/stage.ts';
import { runStageProcess } from '../../nas/process/harness.ts';
import type { Job } from '../../nas/process/protocol.ts';

// A stage process without TensorFlow: five steps an epoch, a checkpoint when stopped, every step it ever made in steps.txt.
// The seed of its config says how it ends; it ends badly only while it has no checkpoint.

/** What the seed asks for. */
export const fixtureEnds = {
  well: 0,
  crash: 1,
  nan: 2,
  /** Killed by SIGKILL, once. */
  killed: 3,
  words: 4,
  stall: 6,
  patient: 7,
  /** Killed after every checkpoint, of which there is one a step. */
  killedOften: 8,
  /** Killed at its one checkpoint, again and again. */
  killedThere: 9,
} as const;
const STEPS = 5;
/** Between steps, where a test has to see them. */
const PAUSE_MS: Readonly<Record<number, number>> = { [fixtureEnds.stall]: 210 };

async function checkpoint(stage: HeldStage, epoch: number, step: number): Promise<void> {
  const file = `${stage.directory}/checkpoint-${epoch}-${step}.json`;
  await stage.commit([{ file, content: `${epoch}.${step}` }], (manifest, [saved]) => ({
    ...manifest,
    checkpoints: [{ epoch, step, file, sha256: saved!.sha256 }],
  }));
}

async function endBadly(stage: HeldStage, job: Job): Promise<void> {
  const { seed } = job.with;
  await checkpoint(stage, 0, 3);
  if (seed === fixtureEnds.crash) process.abort();
  if (seed === fixtureEnds.nan) throw new KnownError('NaNLoss', 'epoch 0, step 3: the loss is NaN');
  if (seed === fixtureEnds.killed) process.kill(process.pid, 'SIGKILL');
  if (seed === fixtureEnds.words) process.send?.({ version: 9, type: 'progress' });
}

if (process.argv[2] !== undefined) {
  await runStageProcess({
    'train-supernet': async (job, line, stage) => {
      const [resumed] = stage.manifest.checkpoints;
      const epochs = Number(job.with['epochs']);
      const seed = Number(job.with['seed']);
      for (let epoch = resumed?.epoch ?? 0; epoch < epochs; epoch++) {
        for (let step = epoch === resumed?.epoch ? resumed.step : 0; step < STEPS; step++) {
          const isThird = epoch === 0 && step === 3 && resumed === undefined;
          // Goes no further before it is asked to stop, however long that takes.
          if (isThird && seed === fixtureEnds.patient) while (!line.stopRequested()) await sleep(10);
          if (line.stopRequested()) {
            await checkpoint(stage, epoch, step);
            return 'stopped';
          }
          if (seed === fixtureEnds.stall && epoch === 1 && step === 3 && resumed === undefined) {
            await checkpoint(stage, epoch, step);
            process.kill(process.pid, 'SIGSTOP');
          }
          if (isThird) await endBadly(stage, job);
          if (seed === fixtureEnds.killedThere && epoch === 0 && step === 3) process.kill(process.pid, 'SIGKILL');
          await sleep(PAUSE_MS[seed] ?? 5);
          await appendFile(placeOf(job.results, `${job.directory}/steps.txt`), `${epoch}.${step} `);
          line.send({ type: 'progress', phase: 'training', epoch, epochs, step: step + 1, steps: STEPS, loss: 1 });
          if (seed === fixtureEnds.killedOften && step < STEPS - 1) {
            await checkpoint(stage, epoch, step + 1);
            process.kill(process.pid, 'SIGKILL');
          }
        }
        const tau = 0.5 + epoch / 10;
        const file = `${job.directory}/${tau.toFixed(4)}_${epoch}.safetensors`;
        await stage.commit([{ file, content: `supernet ${epoch}` }], (before, [saved]) => ({
          ...before,
          epochs: [
            ...before.epochs,
            {
              epoch,
              tau,
              interval: [tau - 0.1, tau + 0.1],
              file,
              sha256: saved!.sha256,
              bytes: saved!.bytes,
              loss: 1,
              min: { top1: 0, top5: 0 },
              max: { top1: 1, top5: 1 },
              groundTruth: [1],
            },
          ],
        }));
      }
      return {};
    },
  });
}
