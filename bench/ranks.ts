// npm run bench:ranks [-- --json --repetitions N --case fashion]: a step of two ranks with one thread each against one process with
// two threads and the images of both, and against PyTorch's DistributedDataParallel over gloo with as many processes, in turns. The
// peer does less: PyTorch has no synchronised batch normalisation on processors.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Supernet } from '../nas/supernet/supernet.ts';
import { saveSupernet } from '../nas/supernet/weights.ts';
import { freeAddresses } from '../runtime/collectives/cluster.ts';
import { ourEnvironment, peerEnvironment } from './device.ts';
import { benchPython } from './python.ts';
import { median, startRunner } from './runner.ts';
import type { Runner } from './runner.ts';
import { forPython, iterationsOf, randomImages, spaceNamed } from './train-task.ts';
import type { TrainTask } from './train-task.ts';

/** Of each step the time; of ours also what share of it sums take. */
interface Answer {
  readonly ms: readonly number[];
  readonly shareOfSums?: number;
}

const RANKS = 2;
const CLASSES = 10;
// PyTorch's DistributedDataParallel corrupts its heap with channels_last in the small space.
const cases = [
  { name: 'imagenet space at full width', space: 'imagenet', batch: 8, iterations: 1, peerFormat: 'channels_last' },
  { name: 'fashion space', space: 'fashion', batch: 64, iterations: 4, peerFormat: 'contiguous' },
];

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    repetitions: { type: 'string', default: '5' },
    case: { type: 'string' },
  },
});
const folder = mkdtempSync(join(tmpdir(), 'fewshot-nas-bench-'));
try {
  const results = [];
  for (const one of cases) {
    if ((options.case ?? one.space) === one.space) results.push(await benchmark(one, Number(options.repetitions)));
  }
  console.log(`${cpus().length} × ${cpus()[0]?.model.trim()}`);
  for (const result of results) console.log(lineOf(result));
  if (options.json) console.log(JSON.stringify({ bench: 'ranks', cases: results }));
} finally {
  rmSync(folder, { recursive: true });
}

async function benchmark({ name, space, batch, iterations, peerFormat }: (typeof cases)[number], repetitions: number) {
  const [images, weights] = [join(folder, 'images'), join(folder, 'weights')];
  const whole: TrainTask = {
    space: spaceNamed(space),
    threads: RANKS,
    batch: RANKS * batch,
    classes: CLASSES,
    iterations: iterationsOf(spaceNamed(space), iterations),
    labels: Array.from({ length: RANKS * batch }, (_, at) => at % CLASSES),
    images,
    weights,
    dropout: 0,
    rate: 0.001,
  };
  writeInputs(whole);
  const shared: TrainTask = { ...whole, threads: 1, batch };
  const groups = [
    await ranksOf(shared),
    [ours(fileOf('whole', whole), 0, [], RANKS)],
    await peersOf(shared, peerFormat),
  ];
  // In turns; the first steps read and lay out weights.
  const answers: Answer[][] = groups.map(() => []);
  for (let repetition = 0; repetition <= repetitions; repetition++) {
    for (const [at, group] of groups.entries()) {
      const [first] = await Promise.all(group.map(async ({ run }) => await run(1)));
      if (repetition > 0) answers[at]!.push(first!);
    }
  }
  for (const { end } of groups.flat()) end();
  const [mine = NaN, one = NaN, peer = NaN] = answers.map((all) => median(all.map(({ ms }) => mean(ms))));
  return {
    case: `${name}, ${RANKS} ranks × ${batch} images, one thread each, against one process × ${RANKS * batch}, two threads`,
    ranks: RANKS,
    ours_ms: mine,
    one_process_ms: one,
    of_one_process: mine / one,
    peer_ms: peer,
    of_peer: mine / peer,
    share_of_sums: median(answers[0]!.map(({ shareOfSums }) => shareOfSums ?? NaN)),
  };
}

function writeInputs({ space, batch, classes, images, weights }: TrainTask): void {
  const side = space.resolutions.at(-1)!;
  writeFileSync(images, randomImages(batch * side * side * space.channels));
  const net = Supernet.build({ space, classes, groups: 1, seed: 0 });
  saveSupernet(net, weights);
  net.dispose();
}

function fileOf(name: string, task: object): string {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(task));
  return file;
}

async function ranksOf(task: TrainTask): Promise<Runner<Answer>[]> {
  const addresses = await freeAddresses(RANKS);
  const file = fileOf('shared', task);
  return addresses.map((_, rank) => ours(file, rank, addresses, task.threads));
}

function ours(task: string, rank: number, addresses: readonly string[], threads: number): Runner<Answer> {
  const runner = ['--import', 'tsx', join(import.meta.dirname, 'ranks-runner.ts')];
  return startRunner(
    process.execPath,
    [...runner, task, String(rank), addresses.join()],
    ourEnvironment('cpu', threads),
  );
}

async function peersOf(task: TrainTask, format: string): Promise<Runner<Answer>[]> {
  const [address] = await freeAddresses(1);
  const peer = [join(import.meta.dirname, 'train_pytorch.py'), fileOf('peers', forPython(task)), format];
  return Array.from({ length: RANKS }, (_, rank) =>
    startRunner(benchPython(), [...peer, String(rank), String(RANKS), address!], {
      ...peerEnvironment('cpu', task.threads),
      GLOO_SOCKET_IFNAME: 'lo',
    }),
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function lineOf(result: Awaited<ReturnType<typeof benchmark>>): string {
  const [mine, one, peer] = [result.ours_ms, result.one_process_ms, result.peer_ms].map((ms) => `${ms.toFixed(0)} ms`);
  const share = `${(100 * result.share_of_sums).toFixed(0)} % of it in sums`;
  const ratios = [result.of_one_process, result.of_peer].map((ratio) => ratio.toFixed(2));
  return `${result.case}: ${mine} (${share}) against ${one}, ${ratios[0]} times as long; PyTorch's DDP ${peer}, ${ratios[1]} times that`;
}
