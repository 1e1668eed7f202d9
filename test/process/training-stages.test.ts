import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readManifest } from '../../artifacts/results.ts';
import { plainTau } from '../support/plain-statistics.ts';
import { jobOf, startStage } from '../support/stage-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/training-configs.ts';

async function train(results: string, directory: string, config: object) {
  const stage = await startStage('nas/training/main.ts', jobOf('train-supernet', results, directory, config), results);
  const { code, log } = await stage.ended;
  expect(code, log).toBe(0);
  const manifest = (await readManifest(results, directory))!;
  const folder = path.join(results, directory);
  return {
    epochs: manifest.epochs,
    files: readdirSync(folder).filter((name) => name.endsWith('.safetensors')),
    log: readFileSync(path.join(folder, 'log.jsonl'), 'utf8').trim().split('\n'),
  };
}

test(
  'a few-shot stage goes on from a one-shot supernet, and only the best epochs are kept where a bar is set',
  { timeout: 120_000 },
  async () => {
    const results = temporaryFolder();
    // More epochs than there are: all are tested.
    const selection = { ...tinySupernet().selection, last_epochs: 9 };
    const oneShot = await train(results, 'run/one-shot', tinySupernet({ epochs: 2, keep: { min_tau: 1 }, selection }));
    const taus = oneShot.epochs.map(({ tau }) => tau ?? -Infinity);
    const best = oneShot.epochs.filter(({ tau }) => tau === Math.max(...taus));
    expect(oneShot.epochs.map(({ file }) => file).filter((file) => file !== null)).toEqual(
      best.map(({ file }) => file),
    );
    expect(oneShot.files).toEqual(best.map(({ file }) => path.basename(file!)));
    expect(oneShot.log.map((line) => JSON.parse(line) as unknown)).toMatchObject(
      oneShot.epochs.map(({ epoch, tau, groundTruth }) => ({
        epoch,
        tau,
        groundTruth,
        calibration: { part: 'calibration' },
      })),
    );
    const { file, sha256 } = best[0]!;
    const config = tinySupernet({
      epochs: 1,
      groups: 2,
      inherit: { file: file!, sha256: sha256!, groups: 1 },
      group_lr_factors: { '2': [{ stage: 2, group: 'last', factor: 5 }] },
    });
    const fewShot = await train(results, 'run/2', config);
    const [epoch] = fewShot.epochs;
    expect(path.basename(epoch!.file!)).toBe(`${epoch!.tau?.toFixed(4) ?? 'nan'}_0.safetensors`);
    const header = readFileSync(path.join(results, epoch!.file!), 'latin1').slice(8, 20_000);
    expect(header).toContain('"groups":"2"');
    expect(header).toContain('blocks.1.1.0.conv1.conv.weight');
  },
);

test(
  'a recipe of its own trains: smooth activations, a rank loss, large nets, epochs ranked by cross-entropy',
  { timeout: 120_000 },
  async () => {
    const results = temporaryFolder();
    const plain = tinySupernet();
    const truth: Record<string, { acc: number }> = JSON.parse(readFileSync(plain.ground_truth.file, 'utf8'));
    const config = tinySupernet({
      epochs: 1,
      space: { ...plain.space, activation: 'silu' },
      rank_loss: { by: 'macs', weight: 1, rise_epochs: 0 },
      sample_way: 'large',
      sample_candidates: 3,
      score: 'cross_entropy',
    });
    const [epoch] = (await train(results, 'run/recipe', config)).epochs;
    const accuracies = Object.values(truth).map(({ acc }) => acc);
    expect(epoch!.groundTruthLosses).toHaveLength(accuracies.length);
    expect(epoch!.tau).toBeCloseTo(
      plainTau(
        accuracies,
        epoch!.groundTruthLosses!.map((loss) => -loss),
      ),
      12,
    );
    expect(epoch!.tau).not.toBe(plainTau(accuracies, epoch!.groundTruth));
  },
);
