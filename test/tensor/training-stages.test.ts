import { rmSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { StandaloneResult } from '../../nas/evaluation/ground-truth.ts';
import { alone } from '../../nas/supernet/ranks.ts';
import { expectRanks } from '../../nas/training/shared-test.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { directory, doHere, textIn, withSlowClock } from '../support/stage-here.ts';
import type { Done } from '../support/stage-here.ts';
import { tinyStandalone, tinySupernet } from '../support/training-configs.ts';

// The training stages from their first message to their last; test/process/training-resume.test.ts kills them in every phase.

function resultIn(results: string): StandaloneResult {
  return StandaloneResult.parse(JSON.parse(textIn(results, 'result.json')));
}

/** The files that a stage has left, by content. */
function kept({ manifest: { epochs, checkpoints } }: Done) {
  return { epochs, checkpoints: checkpoints.map(({ sha256 }) => sha256) };
}

test('a subnet trained with two seeds has done what it does with each of them alone, and epochs count on', async () => {
  const [both, first, second] = await Promise.all(
    [[1, 2], [1], [2]].map(async (seeds) => {
      const results = temporaryFolder();
      return { ...(await doHere('train-standalone', results, tinyStandalone({ seeds }))), result: resultIn(results) };
    }),
  );
  expect(both!.result.runs).toEqual([...first!.result.runs, ...second!.result.runs]);
  const [a, b] = both!.result.runs.map(({ top1 }) => top1);
  expect(a).not.toBe(b);
  expect(both!.result.mean).toBeCloseTo((a! + b!) / 2, 12);
  expect(both!.outputs).toMatchObject({
    result: { file: `${directory}/result.json`, arch: both!.result.arch, mean: both!.result.mean },
  });
  const log = both!.log;
  expect(log).toEqual([...first!.log, ...second!.log.map((line) => ({ ...line, epoch: Number(line['epoch']) + 2 }))]);
  expect(log.map(({ epoch, seed, test: tested }) => [epoch, seed, tested !== undefined])).toEqual([
    [0, 1, false],
    [1, 1, true],
    [2, 2, false],
    [3, 2, true],
  ]);
  expect(log[1]!['test']).toEqual({ top1: a! / 100, top5: both!.result.runs[0]!.top5 / 100 });
  expect(both!.progress[0]).toMatchObject({ phase: 'loading', epoch: 0, epochs: 4, step: 0, steps: 0 });
  const tested = both!.progress.filter(({ phase }) => phase === 'evaluating').map(({ epoch }) => epoch);
  expect(new Set(tested)).toEqual(new Set([1, 3]));
  expect(both!.progress.every(({ epochs }) => epochs === 4)).toBe(true);
});

/** Trains twice: straight, and stopped at each of the places in turn. */
async function stoppedAt(
  kind: 'train-supernet' | 'train-standalone',
  config: object,
  places: readonly { readonly phase: string; readonly epoch: number }[],
) {
  withSlowClock();
  const [straight, broken] = [temporaryFolder(), temporaryFolder()];
  const undisturbed = await doHere(kind, straight, config);
  let attempt = 1;
  for (const place of places) {
    const stopAt = (now: { phase: string; epoch: number }): boolean =>
      now.phase === place.phase && now.epoch === place.epoch;
    const stopped = await doHere(kind, broken, config, { attempt: attempt++, stopAt });
    expect(stopped.outputs).toBe('stopped');
    expect(stopped.progress.at(-1)?.epoch).toBe(place.epoch);
  }
  const rest = await doHere(kind, broken, config, { attempt });
  expect(rest.log).toEqual(undisturbed.log);
  expect(kept(rest)).toEqual(kept(undisturbed));
  return { straight, broken, undisturbed, rest };
}

test('a subnet alone that is stopped, in a test or in training, goes on to the same figures', async () => {
  const places = [
    { phase: 'calibrating', epoch: 1 },
    { phase: 'training', epoch: 2 },
  ];
  const { straight, broken } = await stoppedAt('train-standalone', tinyStandalone(), places);
  expect(resultIn(broken)).toEqual(resultIn(straight));
});

test('a supernet that is stopped, in a test or in training, goes on to the same bits', async () => {
  const places = [
    { phase: 'calibrating', epoch: 0 },
    { phase: 'training', epoch: 1 },
  ];
  const { undisturbed, rest } = await stoppedAt('train-supernet', tinySupernet(), places);
  expect(rest.outputs).toEqual({});
  // Each message says the tau of the epoch before it, also of one that another attempt has trained.
  const [tau] = undisturbed.manifest.epochs.map((epoch) => epoch.tau);
  for (const { progress } of [undisturbed, rest]) {
    const last = progress.filter((one) => one.phase === 'training' && one.epoch === 1);
    expect(last.length).toBeGreaterThan(2);
    for (const one of last) expect(one.tau).toBe(tau);
  }
  for (const one of undisturbed.progress) if (one.epoch === 0) expect(one.tau).toBeUndefined();
});

test('a supernet whose epochs are there is left as it is, and is trained again where they were all deleted', async () => {
  const results = temporaryFolder();
  const config = tinySupernet();
  const first = await doHere('train-supernet', results, config);
  const steps = ({ progress }: typeof first): number => progress.filter(({ phase }) => phase === 'saving').length;
  expect(steps(first)).toBeGreaterThan(5);
  const again = await doHere('train-supernet', results, config, { attempt: 2 });
  expect([steps(again), kept(again)]).toEqual([0, kept(first)]);
  rmSync(path.join(results, first.manifest.epochs[0]!.file!));
  const oneLeft = await doHere('train-supernet', results, config, { attempt: 3 });
  expect(steps(oneLeft)).toBe(0);
  rmSync(path.join(results, first.manifest.epochs[1]!.file!));
  const anew = await doHere('train-supernet', results, config, { attempt: 4 });
  expect([steps(anew), kept(anew)]).toEqual([steps(first), kept(first)]);
});

test('epochs before the last ones that are asked for are trained and not tested', async () => {
  const config = tinySupernet({ epochs: 3 });
  const all = await doHere('train-supernet', temporaryFolder(), config);
  const selection = { ...config.selection, last_epochs: 2 };
  const last = await doHere('train-supernet', temporaryFolder(), { ...config, selection });
  expect(last.manifest.epochs).toEqual(all.manifest.epochs.slice(1));
  const { epoch, loss, train: shares, lr } = all.log[0]!;
  expect(last.log).toEqual([{ epoch, loss, train: shares, lr }, ...all.log.slice(1)]);
});

test('how fast an epoch goes is that of its last steps; its log says for how long it went', async () => {
  const said: string[] = [];
  vi.spyOn(console, 'error').mockImplementation((text) => void said.push(String(text)));
  let now = 1000;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  onTestFinished(() => void vi.restoreAllMocks());
  // Steps that take a tenth of a second each, and one that takes twenty, at first.
  let steps = 0;
  const onTurn = (): void => void (now += steps++ === 0 ? 20_000 : 100);
  const config = tinySupernet({ epochs: 1, batch_size: 10, checkpoint_every_steps: 1000 });
  const { progress } = await doHere('train-supernet', temporaryFolder(), config, { onTurn });
  const rates = new Map(
    progress.flatMap(({ phase, step, stepsPerSecond }) =>
      phase === 'training' ? [[step, Number(stepsPerSecond!.toFixed(6))]] : [],
    ),
  );
  expect([0, 1, 2, 3, 20, 21, 32].map((step) => rates.get(step))).toEqual([
    0,
    0,
    Number((2 / 20).toFixed(6)),
    Number((3 / 20.1).toFixed(6)),
    Number((19 / 21.8).toFixed(6)),
    10,
    10,
  ]);
  expect(said).toEqual([
    expect.stringMatching(/^epoch 0: loss \d\.\d{4}, tau -?\d\.\d{4}, 23\.1 s, 0\.0 % of it checkpoints$/),
  ]);
});

test('a stage is trained by as many processes as its config says, or not at all', () => {
  expectRanks({ ranks: 1 }, alone);
  expect(() => expectRanks({ ranks: 2 }, alone)).toThrow(
    'with.ranks: expected 2 processes, got 1; let `nas` start them',
  );
});
