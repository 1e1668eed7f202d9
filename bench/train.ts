// npm run bench:train [-- --json --repetitions N --case imagenet --memory-steps N --device gpu:0 --batch N]: the one-shot sandwich
// step (4 nets) against PyTorch's, written as the original is and in PyTorch's best format; and whether memory grows over many steps.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Supernet } from '../nas/supernet/supernet.ts';
import { saveSupernet } from '../nas/supernet/weights.ts';
import { benchDevice, nameOf, ourEnvironment, peerDevice, peerEnvironment } from './device.ts';
import { benchPython } from './python.ts';
import { interleave, median, startRunner } from './runner.ts';
import type { Runner } from './runner.ts';
import { flopsOf, forPython, iterationsOf, randomImages, spaceNamed } from './train-task.ts';
import type { TrainTask } from './train-task.ts';

/** What either side answers: of each iteration its time and the losses of its nets. */
interface Answer {
  readonly ms: readonly number[];
  readonly losses: readonly (readonly number[])[];
  readonly version?: string;
  readonly operations?: number;
  /** Of the fastest convolution, GFLOP/s. */
  readonly rate?: number;
  readonly convolutionShare?: number;
  readonly peakMb?: number;
  readonly residentMb?: number;
  readonly liveTensors?: number;
}

interface Case {
  readonly space: string;
  readonly batch: number;
  readonly threads: number;
  /** Iterations that every repetition goes through: random nets differ in cost. */
  readonly iterations: number;
  /** Most that our time may be, by the peer's in each format; bf16 is held against float32 in channels_last. */
  readonly goals: {
    readonly float32: { nchw?: number; channels_last: number };
    readonly bf16?: { channels_last: number };
  };
}

const CLASSES = 10;
const cases: readonly Case[] = [
  {
    space: 'imagenet',
    batch: 16,
    threads: 2,
    iterations: 2,
    goals: { float32: { nchw: 0.9, channels_last: 1 }, bf16: { channels_last: 0.75 } },
  },
  { space: 'fashion-wide', batch: 128, threads: 2, iterations: 4, goals: { float32: { channels_last: 1.1 } } },
  { space: 'fashion', batch: 128, threads: 1, iterations: 4, goals: { float32: { channels_last: 1.4 } } },
];

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    repetitions: { type: 'string', default: '5' },
    case: { type: 'string' },
    /** Of the smallest case; 0: none. */
    'memory-steps': { type: 'string', default: '1000' },
    device: { type: 'string', default: 'cpu' },
    /** Other than the case's own. */
    batch: { type: 'string' },
  },
});
const device = benchDevice(options.device);
const onCard = device !== 'cpu';
const folder = mkdtempSync(join(tmpdir(), 'fewshot-nas-bench-'));
try {
  const results = [];
  for (const one of cases) {
    if ((options.case ?? one.space) !== one.space) continue;
    const batch = Number(options.batch ?? one.batch);
    results.push(...(await benchmark({ ...one, batch }, Number(options.repetitions))));
  }
  const memory = Number(options['memory-steps']) > 0 ? await memoryOver(Number(options['memory-steps'])) : null;
  if (options.json) {
    console.log(JSON.stringify({ bench: 'train', device: await nameOf(device), cases: results, memory }));
  } else {
    for (const result of results) console.log(lineOf(result));
    if (memory) {
      const { steps, resident_mb: resident, live_tensors: live } = memory;
      const figures = resident.map((mb) => mb.toFixed(0)).join(', ');
      console.log(`memory over ${steps} steps: ${figures} MB resident at each tenth, ${live.join(', ')} tensors`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function benchmark({ goals, ...one }: Case, repetitions: number) {
  const { space: name, threads } = one;
  const task = taskOf(one);
  const [ours, forPeer] = [join(folder, `${name}.json`), join(folder, `${name}-peer.json`)];
  writeFileSync(ours, JSON.stringify(task));
  writeFileSync(forPeer, JSON.stringify({ ...forPython(task), device: peerDevice(device) }));
  const python = benchPython();
  const peer = (format: string): Runner<Answer> =>
    startRunner(
      python,
      [join(import.meta.dirname, 'train_pytorch.py'), forPeer, format],
      peerEnvironment(device, threads),
    );
  const precisions = ['float32', 'bf16'] as const;
  const mine = precisions.filter((precision) => onCard || goals[precision] !== undefined);
  const peers = await answering(
    ['contiguous', 'channels_last', ...(onCard ? ['channels_last_bf16'] : [])].map((format) => [format, peer(format)]),
  );
  const owned = mine.map((precision) => own(ours, threads, precision));
  const runners = [...[...peers.values()].map(({ runner }) => runner), ...owned];
  // The first repetition warms up; its losses, from the same weights on the same images, show that all do the same.
  const warm = (await interleave(owned, 1)).map(([answer]) => answer!);
  const [peerWarm] = [...peers.values()].map(({ first }) => first);
  const answers = await interleave(runners, repetitions);
  for (const runner of runners) runner.end();

  const times = answers.map((all) => median(all.flatMap(({ ms }) => ms)));
  const timeOf = (format: string): number => times[[...peers.keys()].indexOf(format)] ?? NaN;
  const [nchw, channelsLast] = [timeOf('contiguous'), timeOf('channels_last')];
  const sides = [...new Set(task.iterations.flat().map(({ resolution }) => resolution))].toSorted((a, b) => b - a);
  return mine.map((precision, index) => {
    const place = peers.size + index;
    const took = times[place]!;
    const last = answers[place]!.at(-1)!;
    const [first = [], theirs = []] = [warm[index]!.losses[0], peerWarm!.losses[0]];
    // The goals are those of processors.
    const { nchw: mostOfNchw = Infinity, channels_last: mostOfBest = Infinity } = {
      ...(onCard ? {} : goals[precision]),
    };
    const floor = flopsOf(task) / last.rate! / 1e6;
    return {
      case: `${name} space, ${sides.join(', ')} pixels, sandwich of 4, batch ${task.batch}`,
      precision,
      threads,
      ours_ms: took,
      peer: `pytorch ${peerWarm!.version} float32`,
      peer_nchw_ms: nchw,
      peer_channels_last_ms: channelsLast,
      peer_bf16_ms: onCard ? timeOf('channels_last_bf16') : undefined,
      // Ours by theirs, as the goals are.
      of_nchw: took / nchw,
      of_channels_last: took / channelsLast,
      goals: onCard ? undefined : goals[precision],
      // Not known where PyTorch broke down.
      reached: Number.isNaN(nchw + channelsLast)
        ? undefined
        : took <= mostOfNchw * nchw && took <= mostOfBest * channelsLast,
      operations: last.operations,
      convolution_share: last.convolutionShare,
      gflops: flopsOf(task) / took / 1e6,
      convolution_gflops: last.rate,
      floor_ms: floor,
      of_floor: took / floor,
      peak_mb: last.peakMb,
      largest_loss_difference: Math.max(...first.map((loss, net) => Math.abs(loss - theirs[net]!))),
    };
  });
}

/** Those formats in which PyTorch goes through the task, with its first answer: it breaks down in channels_last on some processors without AVX-512. */
async function answering(
  peers: readonly [format: string, peer: Runner<Answer>][],
): Promise<Map<string, { runner: Runner<Answer>; first: Answer }>> {
  const found = new Map<string, { runner: Runner<Answer>; first: Answer }>();
  for (const [format, runner] of peers) {
    try {
      found.set(format, { runner, first: await runner.run(1) });
    } catch (error) {
      console.error(`${format} is left out: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (found.size === 0)
    throw new Error('bench: expected PyTorch to answer in one format at least, got none; see above');
  return found;
}

/** Memory and living tensors of the smallest case at each tenth of so many steps. */
async function memoryOver(steps: number) {
  const one = { ...cases.at(-1)!, batch: 16, iterations: 1 };
  const file = join(folder, 'memory.json');
  writeFileSync(file, JSON.stringify(taskOf(one)));
  const runner = own(file, one.threads, 'float32');
  await runner.run(10);
  const [tenths] = await interleave([runner], 10, Math.ceil(steps / 10));
  runner.end();
  return {
    case: `${one.space} space, batch ${one.batch}`,
    steps,
    resident_mb: tenths!.map(({ residentMb }) => residentMb!),
    live_tensors: [...new Set(tenths!.map((answer) => answer.liveTensors!))],
  };
}

function own(file: string, threads: number, precision: string): Runner<Answer> {
  const runner = join(import.meta.dirname, 'train-runner.ts');
  return startRunner<Answer>(
    process.execPath,
    ['--import', 'tsx', runner, file, precision],
    ourEnvironment(device, threads),
  );
}

function taskOf({ space: name, threads, batch, iterations }: Omit<Case, 'goals'>): TrainTask {
  const space = spaceNamed(name);
  const side = space.resolutions.at(-1)!;
  const [images, weights] = [join(folder, `${name}-${batch}.images`), join(folder, `${name}.safetensors`)];
  writeFileSync(images, randomImages(batch * side * side * space.channels));
  const net = Supernet.build({ space, classes: CLASSES, groups: 1, seed: 0 });
  saveSupernet(net, weights);
  net.dispose();
  const labels = Array.from({ length: batch }, (_, index) => index % CLASSES);
  // Dropout would make the two sides draw different masks; what it costs is one product of [batch, features].
  const same = { space, threads, batch, classes: CLASSES, dropout: 0, rate: 0.01 };
  return { ...same, iterations: iterationsOf(space, iterations), labels, images, weights };
}

/** A peer's time, and ours by it. */
function against(ms: number, ratio: number): string {
  return Number.isNaN(ms) ? 'broke down' : `${ms.toFixed(1)} ms (${ratio.toFixed(2)})`;
}

function lineOf(result: Awaited<ReturnType<typeof benchmark>>[number]): string {
  const times = `${result.ours_ms.toFixed(1)} ms, ${result.peer} NCHW ${against(result.peer_nchw_ms, result.of_nchw)}, channels_last ${against(result.peer_channels_last_ms, result.of_channels_last)}`;
  const share = result.convolution_share;
  const beside = [
    `${result.operations?.toFixed(0)} operations`,
    ...(share === undefined ? [] : [`${(100 * share).toFixed(0)} % of the time convolutions`]),
    ...(result.peer_bf16_ms === undefined ? [] : [`${result.peer} bf16 ${result.peer_bf16_ms.toFixed(1)} ms`]),
    `${result.gflops.toFixed(0)} GFLOP/s, ${result.of_floor.toFixed(2)} x the floor at ${result.convolution_gflops?.toFixed(0)}`,
    `peak ${result.peak_mb?.toFixed(0)} MB`,
    `losses differ by ${result.largest_loss_difference.toExponential(1)}`,
  ];
  const verdict = result.goals
    ? `goal ${JSON.stringify(result.goals)}: ${result.reached === undefined ? 'not known' : result.reached ? 'reached' : 'missed'}`
    : 'no goal';
  return `${result.case}, ${result.precision}, ${result.threads} thread${result.threads > 1 ? 's' : ''}: ${times}\n  ${beside.join('; ')}; ${verdict}`;
}
