import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { readManifest } from '../../artifacts/results.ts';
import type { ProcessLine } from '../../nas/process/harness.ts';
import { alone } from '../../nas/supernet/ranks.ts';
import { TrainSupernetConfig } from '../../nas/training/config.ts';
import { trainSupernet } from '../../nas/training/train-supernet.ts';
import { readSafetensors } from '../../nas/weights/safetensors.ts';
import { claimFor, jobOf } from './stage-process.ts';
import { temporaryFolder } from './temporary-folder.ts';

const numbers = z.array(z.number());
const accuracies = z.object({ top1: z.number(), top5: z.number() });
const score = accuracies.extend({ crossEntropy: z.number() });

/** What test/fixtures/golden-run/make.py computes of a run; it says how. */
const GoldenRun = z.object({
  config: TrainSupernetConfig,
  start: numbers,
  steps: z.array(z.object({ loss: z.number(), momentum: numbers })),
  epochs: z.array(
    z.object({
      loss: z.number(),
      lr: z.number(),
      train: accuracies,
      min: score,
      max: score,
      truth: z.array(score),
      tau: z.number(),
      values: numbers,
    }),
  ),
});
type GoldenRun = z.infer<typeof GoldenRun>;

const file = new URL('../fixtures/golden-run/golden-run.json', import.meta.url);
const fixture = z
  .object({ names: z.array(z.string()), runs: z.object({ nesterov: GoldenRun, 'heavy ball': GoldenRun }) })
  .parse(JSON.parse(readFileSync(file, 'utf8')));
export const goldenRuns = fixture.runs;
const { names } = fixture;

/** What the stage left of its training, in the form of the golden run, and the epochs as its manifest and its log say them. */
interface SeenRun {
  readonly steps: GoldenRun['steps'];
  /** By epoch, as in `GoldenRun`. */
  readonly values: number[][];
  readonly epochs: NonNullable<Awaited<ReturnType<typeof readManifest>>>['epochs'];
  readonly log: unknown[];
}

/** Runs the stage `train-supernet` as its process does, and looks into the checkpoint that it writes behind each step. */
export async function runGolden(config: TrainSupernetConfig): Promise<SeenRun> {
  const results = temporaryFolder();
  const directory = 'run/golden';
  const job = jobOf('train-supernet', results, directory, config);
  const stage = await claimFor(job);
  const steps: GoldenRun['steps'] = [];
  const values: number[][] = [];
  let isSaved = false;
  const line: ProcessLine = {
    cluster: null,
    stopRequested: () => false,
    turn: async () => undefined,
    send(message) {
      if (message.type !== 'progress') return;
      if (message.phase === 'training' && isSaved && message.step > 0) {
        const { file: checkpoint } = stage.manifest.checkpoints.at(-1)!;
        const tensors = new Map(
          readSafetensors(path.join(results, checkpoint)).tensors.map(({ name, data }) => [name, data]),
        );
        steps.push({
          loss: message.loss!,
          momentum: names.map((name) => projected(tensors.get(`momentum.${name}`)!)),
        });
        if (message.step === message.steps) values.push(names.map((name) => projected(tensors.get(name)!)));
      }
      isSaved = message.phase === 'saving';
    },
  };
  await trainSupernet(job, line, stage, alone);
  const { epochs } = (await readManifest(results, directory))!;
  const lines = readFileSync(path.join(results, directory, 'log.jsonl'), 'utf8')
    .trimEnd()
    .split('\n');
  return { steps, values, epochs, log: lines.map((text): unknown => JSON.parse(text)) };
}

/**
 * How far the steps of a run are from the golden ones: the loss so far, and the step's gradient (clipped and decayed, as one
 * number a parameter) in units of its norm.
 */
export function differencesOf(golden: GoldenRun, seen: SeenRun): { loss: number; gradient: number }[] {
  return seen.steps.map(({ loss }, step) => {
    const [ours, theirs] = [gradientAt(seen, golden, step), gradientAt(golden, golden, step)];
    const distance = Math.hypot(...ours.map((one, at) => one - theirs[at]!));
    return { loss: Math.abs(loss - golden.steps[step]!.loss), gradient: distance / Math.hypot(...theirs) };
  });
}

/** How far the parameters are from where they should be at the end of each epoch, in units of the way that they have come. */
export function waysOf({ start, epochs }: GoldenRun, { values }: SeenRun): number[] {
  return epochs.map((golden, epoch) => {
    const length = Math.hypot(...golden.values.map((value, at) => value - start[at]!));
    return Math.hypot(...golden.values.map((value, at) => value - values[epoch]![at]!)) / length;
  });
}

/** What the momentum of a step has beside the one before it. */
function gradientAt({ steps }: Pick<GoldenRun, 'steps'>, { config }: GoldenRun, step: number): number[] {
  const before = steps[step - 1]?.momentum;
  return steps[step]!.momentum.map((one, at) => one - config.optimizer.momentum * (before?.[at] ?? 0));
}

/** The product with cos(1), cos(2), …: one number of a parameter, to which each of its values adds. */
function projected(data: Float32Array): number {
  return data.reduce((sum, value, at) => sum + value * Math.cos(at + 1), 0);
}
