import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { competitionSubnets, forPython, listedSubnets, spaceAt, writeTask } from './evaluate-task.ts';
import { benchDevice, nameOf, ourEnvironment, peerDevice, peerEnvironment } from './device.ts';
import { benchPython } from './python.ts';
import { interleave, median, startRunner } from './runner.ts';
import type { Runner } from './runner.ts';
import { kendallTau } from '../nas/evaluation/correlation.ts';
import { cutSet } from '../nas/evaluation/subnet-set.ts';
import { macs } from '../nas/space/cost.ts';
import { siblingSharedMacs } from './sibling-macs.ts';
import type { Space, Subnet } from '../nas/space/space.ts';

// npm run bench:evaluate [-- --json --subnets 100 --repetitions 3 --growth 50,200,1000 --device gpu:0]: testing many subnets against
// the original's procedure in PyTorch, and how our time and memory grow with their number.

/** What either side answers. */
interface Answer {
  readonly ms: readonly number[];
  /** Processor time of all of it, in ms: what a busy machine disturbs least. */
  readonly cpu: number;
  readonly top1: readonly number[];
  readonly crossEntropy: readonly number[];
  readonly version?: string;
  readonly operations?: number;
  /** Of the fastest convolution, GFLOP/s. */
  readonly rate?: number;
  readonly memory?: number;
}

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    subnets: { type: 'string', default: '100' },
    repetitions: { type: 'string', default: '3' },
    side: { type: 'string', default: '64' },
    calibration: { type: 'string', default: '2x128' },
    test: { type: 'string', default: '1x256' },
    /** Numbers of subnets, or '' for none. */
    growth: { type: 'string', default: '50,200,1000' },
    threads: { type: 'string', default: '2' },
    device: { type: 'string', default: 'cpu' },
  },
});
const device = benchDevice(options.device);
const threads = Number(options.threads);
const GOALS = { float32: 2.1, bf16: 3.2 } as const;
/** Every n-th subnet also goes alone: what it takes for all follows by their MACs. */
const ALONE_EVERY = 10;

const folder = mkdtempSync(join(tmpdir(), 'fewshot-nas-bench-'));
try {
  const cases = await againstPeer();
  const growth = await growthOf(options.growth.split(',').filter(Boolean).map(Number));
  const planned = planning();
  if (options.json) {
    console.log(
      JSON.stringify({ bench: 'evaluate', device: await nameOf(device), threads, cases, growth, planning: planned }),
    );
  } else {
    for (const one of cases) tellCase(one);
    for (const { subnets, ms, memory_mb } of growth) {
      console.log(`growth: ${subnets} subnets ${(ms / 1000).toFixed(1)} s, peak memory ${memory_mb.toFixed(0)} MB`);
    }
    console.log(
      `planning one of ${planned.parts} parts of ${planned.subnets} subnets, processor time: ${planned.read_ms.toFixed(0)} ms to read them, ${planned.cut_ms.toFixed(0)} ms to cut`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function againstPeer() {
  const space = spaceAt('imagenet', Number(options.side));
  const ranked = competitionSubnets(space);
  // The fifth of eight parts begins here; its first 100 share a little less than the 45,000 do (1.88 and 1.94 times).
  const first = ranked.length >> 1;
  const sizes = { calibration: sizeOf(options.calibration), test: sizeOf(options.test) };
  const task = writeTask(folder, space, ranked.slice(first, first + Number(options.subnets)), sizes, threads);
  const sample = task.subnets.filter((_, index) => index % ALONE_EVERY === 0);
  const write = (name: string, content: object): string => {
    const file = join(folder, `${name}.json`);
    writeFileSync(file, JSON.stringify(content));
    return file;
  };
  const files = {
    task: write('task', task),
    peer: write('peer', { ...forPython(task), device: peerDevice(device) }),
    sample: write('sample', { ...task, subnets: sample }),
  };

  const timed = [
    ours(files.task, 'float32'),
    ours(files.task, 'bf16'),
    startRunner<Answer>(
      benchPython(),
      [join(import.meta.dirname, 'evaluate_pytorch.py'), files.peer],
      peerEnvironment(device, threads),
    ),
    ours(files.sample, 'float32', 'alone'),
  ];
  const answers = await interleave(timed, Number(options.repetitions));
  for (const runner of timed) runner.end();

  const [float32, bf16, peer, alone] = answers.map((own) => ({
    ...own[0]!,
    took: median(own.flatMap(({ ms }) => ms)),
  }));
  const oneByOne = alone!.took * (totalMacs(space, task.subnets) / totalMacs(space, sample));
  const images = task.calibrated + task.labels.length;
  const shared = siblingSharedMacs(space, task.subnets, 1, Number(options.side));
  const tested = task.labels.length;
  return (['float32', 'bf16'] as const).map((precision, index) => {
    const mine = [float32!, bf16!][index]!;
    const rate = Math.max(...answers[index]!.map((answer) => answer.rate ?? 0));
    const floor = (2 * shared * images) / rate / 1e6;
    return {
      case: `imagenet space ${options.side}x${options.side}, ${task.subnets.length} subnets`,
      precision,
      threads,
      ours_ms: mine.took,
      peer: `pytorch ${peer!.version} channels_last float32`,
      peer_ms: peer!.took,
      ratio: peer!.took / mine.took,
      goal: GOALS[precision],
      reached: peer!.took / mine.took >= GOALS[precision],
      cpu_ms: mine.cpu,
      peer_cpu_ms: peer!.cpu,
      // Their product is the ratio.
      factors: {
        fusing: peer!.took / oneByOne,
        sharing: oneByOne / float32!.took,
        precision: float32!.took / mine.took,
      },
      shared_macs: totalMacs(space, task.subnets) / shared,
      floor_ms: floor,
      of_floor: mine.took / floor,
      convolution_gflops: rate,
      operations: mine.operations,
      images: { calibration: task.calibrated, test: tested },
      accuracy: { lowest: Math.min(...mine.top1) / tested, highest: Math.max(...mine.top1) / tested },
      largest_count_difference: largestDifference(mine.top1, peer!.top1),
      largest_cross_entropy_difference: largestDifference(mine.crossEntropy, peer!.crossEntropy),
      tau_with_peer: kendallTau(mine.crossEntropy, peer!.crossEntropy),
    };
  });
}

/** What each part of a ranking does first: processor time to read the competition's list and to cut it by cost. */
function planning() {
  const space = spaceAt('imagenet', 224);
  const parts = 8;
  const supernet = { file: '', sha256: '', epoch: 0, groups: space.ratios.length };
  const started = processorMs();
  const subnets = listedSubnets(space);
  const read = processorMs();
  cutSet({ space, supernet, cut: 'tree', parts }, subnets);
  return { subnets: subnets.length, parts, read_ms: read - started, cut_ms: processorMs() - read };
}

/** Used by this process so far. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Our time and memory at growing numbers of subnets of the small space, each in a process of its own. */
async function growthOf(counts: readonly number[]) {
  const space = spaceAt('fashion', 28);
  const all = counts.length > 0 ? competitionSubnets(space) : [];
  const results = [];
  for (const count of counts) {
    const spread = Array.from({ length: count }, (_, index) => all[Math.floor((index * all.length) / count)]!);
    const file = join(folder, `growth-${count}.json`);
    const task = writeTask(
      folder,
      space,
      spread,
      { calibration: { batches: 2, size: 128 }, test: { batches: 2, size: 250 } },
      1,
    );
    writeFileSync(file, JSON.stringify(task));
    const runner = ours(file, 'float32', 'tree', 1);
    const [answers] = await interleave([runner], 1);
    runner.end();
    const { ms, memory = NaN } = answers![0]!;
    results.push({
      case: 'fashion space 28x28, spread over the 45,000',
      subnets: count,
      ms: ms[0]!,
      memory_mb: memory / 1024,
    });
  }
  return results;
}

function ours(file: string, precision: string, how = 'tree', withThreads = threads): Runner<Answer> {
  const runner = join(import.meta.dirname, 'evaluate-runner.ts');
  return startRunner<Answer>(
    process.execPath,
    ['--import', 'tsx', runner, file, precision, how],
    ourEnvironment(device, withThreads),
  );
}

function totalMacs(space: Space, subnets: readonly Subnet[]): number {
  return subnets.reduce((sum, subnet) => sum + macs(space, subnet, space.resolutions.at(-1)!), 0);
}

function largestDifference(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((value, index) => Math.abs(value - b[index]!)));
}

/** `2x64`: batches x images. */
function sizeOf(text: string): { batches: number; size: number } {
  const [batches = NaN, size = NaN] = text.split('x').map(Number);
  return { batches, size };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function tellCase(result: Awaited<ReturnType<typeof againstPeer>>[number]): void {
  const { factors, accuracy } = result;
  const lines = [
    `${result.case}, ${result.precision}, ${threads} threads: ${seconds(result.ours_ms)}, ${result.peer} ${seconds(result.peer_ms)}: ` +
      `${result.ratio.toFixed(2)} x as fast (goal ${result.goal}: ${result.reached ? 'reached' : 'missed'})`,
    `  processor time ${seconds(result.cpu_ms)}, the peer's ${seconds(result.peer_cpu_ms)}`,
    `  of it fusing ${factors.fusing.toFixed(2)}, sharing ${factors.sharing.toFixed(2)} (MACs ${result.shared_macs.toFixed(2)}), precision ${factors.precision.toFixed(2)}`,
    `  floor ${seconds(result.floor_ms)} at ${result.convolution_gflops.toFixed(0)} GFLOP/s: ${result.of_floor.toFixed(2)} x the floor; ${result.operations} operations`,
    `  accuracies ${accuracy.lowest.toFixed(3)} to ${accuracy.highest.toFixed(3)}; largest difference from the peer: ${result.largest_count_difference} of ${result.images.test} images, ` +
      `cross-entropy ${result.largest_cross_entropy_difference.toExponential(1)}; tau with the peer ${result.tau_with_peer.toFixed(4)}`,
  ];
  console.log(lines.join('\n'));
}
