// npm run bench:train [-- --json --repetitions N --case fashion]: the one-shot sandwich step (4 nets) against PyTorch's.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Supernet } from '../nas/supernet/network.ts';
import { saveSupernet } from '../nas/supernet/weights.ts';
import { benchPython } from './python.ts';
import { interleave, median, startRunner } from './runner.ts';
import type { Runner } from './runner.ts';
import { flopsOf, forPython, iterationsOf, randomImages, spaceNamed } from './train-task.ts';
import type { TrainTask } from './train-task.ts';

/** What either side answers: of each iteration its time and the losses of its nets. */
interface Answer {
  readonly ms: readonly number[];
  readonly losses: readonly (readonly number[])[];
  readonly operations?: number;
  readonly version?: string;
}

const CLASSES = 10;
const BATCH = 128;
/** Iterations that every repetition goes through: the random nets differ in cost. */
const ITERATIONS = 4;
const cases = [
  { space: 'fashion-wide', threads: 2, atMost: 1.1 },
  { space: 'fashion', threads: 1, atMost: 1.4 },
] as const;

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    repetitions: { type: 'string', default: '7' },
    case: { type: 'string' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'fewshot-nas-bench-'));
try {
  const results = [];
  for (const one of cases) {
    if ((options.case ?? one.space) === one.space) results.push(await benchmark(one, Number(options.repetitions)));
  }
  if (!options.json) for (const result of results) console.log(lineOf(result));
  else console.log(JSON.stringify({ bench: 'train', device: cpus()[0]?.model.trim(), batch: BATCH, cases: results }));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function benchmark({ space: name, threads, atMost }: (typeof cases)[number], repetitions: number) {
  const task = taskOf(name, threads);
  const [ours, forPeer] = [join(folder, `${name}.json`), join(folder, `${name}-peer.json`)];
  writeFileSync(ours, JSON.stringify(task));
  writeFileSync(forPeer, JSON.stringify(forPython(task)));
  const python = benchPython();
  const peer = (format: string): Runner<Answer> =>
    startRunner(python, [join(import.meta.dirname, 'train_pytorch.py'), forPeer, format], {
      OMP_NUM_THREADS: String(threads),
    });
  const runners = [
    startRunner<Answer>(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'train-runner.ts'), ours], {
      TF_NUM_INTRAOP_THREADS: String(threads),
      TF_NUM_INTEROP_THREADS: '1',
    }),
    peer('contiguous'),
    peer('channels_last'),
  ];
  // The first repetition warms up; its losses, from the same weights on the same images, show that both do the same.
  const warm = await interleave(runners, 1);
  const answers = await interleave(runners, repetitions);
  for (const runner of runners) runner.end();

  const [oursMs = NaN, nchwMs = NaN, channelsLastMs = NaN] = answers.map((all) => median(all.flatMap(({ ms }) => ms)));
  const peerMs = Math.min(nchwMs, channelsLastMs);
  const [mine = [], theirs = []] = warm.map(([answer]) => answer!.losses[0]!);
  return {
    case: `${name} space 28x28, sandwich of 4, batch ${BATCH}`,
    precision: 'float32',
    threads,
    ours_ms: oursMs,
    peer: `pytorch ${warm[1]?.[0]?.version} ${nchwMs < channelsLastMs ? 'nchw' : 'channels_last'} float32`,
    peer_ms: peerMs,
    ratio: peerMs / oursMs,
    goal: `at most ${atMost} x the peer's time`,
    reached: oursMs <= atMost * peerMs,
    peer_nchw_ms: nchwMs,
    peer_channels_last_ms: channelsLastMs,
    operations: answers[0]?.[0]?.operations,
    gflops: flopsOf(task) / oursMs / 1e6,
    largest_loss_difference: Math.max(...mine.map((loss, index) => Math.abs(loss - theirs[index]!))),
  };
}

function taskOf(name: string, threads: number): TrainTask {
  const space = spaceNamed(name);
  const side = space.resolutions.at(-1)!;
  const [images, weights] = [join(folder, `${name}.images`), join(folder, `${name}.safetensors`)];
  writeFileSync(images, randomImages(BATCH * side * side * space.channels));
  const net = Supernet.build({ space, classes: CLASSES, groups: 1, seed: 0 });
  saveSupernet(net, weights);
  net.dispose();
  const labels = Array.from({ length: BATCH }, (_, index) => index % CLASSES);
  // Dropout would make the two sides draw different masks; what it costs is one product of [batch, features].
  const same = { space, threads, batch: BATCH, classes: CLASSES, dropout: 0, rate: 0.01 };
  return { ...same, iterations: iterationsOf(space, ITERATIONS), labels, images, weights };
}

function lineOf(result: Awaited<ReturnType<typeof benchmark>>): string {
  const { case: what, threads, ours_ms: ours, peer, peer_ms: theirs, ratio, operations, gflops } = result;
  const figures = `${ours.toFixed(1)} ms, ${peer} ${theirs.toFixed(1)} ms: ${ratio.toFixed(2)} x as fast`;
  const beside = `${operations?.toFixed(0)} operations, ${gflops.toFixed(0)} GFLOP/s, losses differ by ${result.largest_loss_difference.toExponential(1)}`;
  return `${what}, ${threads} thread${threads > 1 ? 's' : ''}: ${figures} (${beside}; goal ${result.goal}: ${result.reached ? 'reached' : 'missed'})`;
}
