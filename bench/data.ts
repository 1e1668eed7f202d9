// npm run bench:data [-- --json --workers 2 --root DIR --images 1536 --repetitions 3 --rate 75]: images a second, out of
// JPEG files into batches, against PIL and torchvision in a PyTorch DataLoader with as many workers.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { load } from 'js-yaml';
import { ImageList, PartName } from '../configs/dataset-schema.ts';
import { readImageList } from '../nas/data/list-file.ts';
import { root as clone } from '../runtime/layout.ts';
import { sandwichFlops, writePhotographs } from './data-task.ts';
import type { DataTask } from './data-task.ts';
import { benchPython } from './python.ts';
import { interleave, median, startRunner } from './runner.ts';

/** What either side answers for an epoch. */
interface Answer {
  readonly ms: number;
  /** Processor time of all threads and processes, in ms. */
  readonly cpu: number;
  readonly images: number;
  readonly version?: string;
}

const GOAL = 1.5;

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    workers: { type: 'string', default: String(availableParallelism()) },
    /** A folder that `nas data imagenet` prepared; none: pictures made here. */
    root: { type: 'string' },
    /** Of an epoch, many batches long: a DataLoader's workers make whole batches and would wait for one another at its end. */
    images: { type: 'string', default: '1536' },
    repetitions: { type: 'string', default: '3' },
    batch: { type: 'string', default: '128' },
    /** TFLOP/s that a card keeps up in training: some 75 where an H100-class card trains ResNet-50 in bf16. */
    rate: { type: 'string', default: '75' },
  },
});
const workers = Number(options.workers);
const wanted = Number(options.images);
const batch = Number(options.batch);
const appetite = (Number(options.rate) * 1e12) / sandwichFlops();
const folder = mkdtempSync(join(tmpdir(), 'fewshot-nas-bench-'));
try {
  const base = await baseTask();
  const cases = [
    await benchmark('training', { ...base, augment: true }),
    await benchmark('test', { ...base, augment: false }),
  ];
  if (options.json)
    console.log(JSON.stringify({ bench: 'data', device: cpus()[0]?.model.trim(), workers, batch, cases }));
  else for (const one of cases) console.log(lineOf(one));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The first images of the list, in a list of their own. */
async function baseTask(): Promise<Omit<DataTask, 'augment'>> {
  const root = resolve(options.root ?? folder);
  if (options.root === undefined) await writePhotographs(folder, wanted, Math.min(wanted, 256));
  const config = ImageList.parse(load(readFileSync(join(clone, 'configs', 'datasets', 'imagenet.yml'), 'utf8')));
  const all = readImageList(join(root, 'train.txt'), config.classes);
  const images = Math.min(wanted, all.size);
  // Spread over the list where there are more than are wanted.
  const lines = Array.from({ length: images }, (_, i) => Math.floor((i * all.size) / images));
  const list = join(folder, 'bench.txt');
  writeFileSync(list, lines.map((line) => `${all.path(line)} ${all.labels[line]}\n`).join(''));
  // Only that part is read; the lists of the others are not there.
  const absent = PartName.options.map((name) => [name, { list: join(folder, `no ${name}.txt`), images: 1 }]);
  const parts = { ...Object.fromEntries(absent), training: { list, images } };
  const files = lines.map((line) => resolve(root, all.path(line)));
  return { dataset: ImageList.parse({ ...config, root, parts }), files, batch, workers };
}

async function benchmark(what: 'training' | 'test', task: DataTask) {
  const file = join(folder, `${what}.json`);
  writeFileSync(file, JSON.stringify(task));
  const threads = { NAS_LOADER_THREADS: String(workers) };
  const ours = ['--import', 'tsx', join(import.meta.dirname, 'data-runner.ts'), file];
  const runners = [
    startRunner<Answer>(process.execPath, ours, threads),
    startRunner<Answer>(benchPython(), [join(import.meta.dirname, 'data_pytorch.py'), file], { OMP_NUM_THREADS: '1' }),
  ];
  await interleave(runners, 1);
  const answers = await interleave(runners, Number(options.repetitions));
  for (const runner of runners) runner.end();
  const each = (pick: (answer: Answer) => number): [number, number] => {
    const [mine = NaN, theirs = NaN] = answers.map((all) => median(all.map((answer) => pick(answer) / answer.images)));
    return [mine, theirs];
  };
  const [oursMs, peerMs] = each(({ ms }) => ms);
  const [oursCpu, peerCpu] = each(({ cpu }) => cpu);
  const perSecond = 1000 / oursMs;
  return {
    case: `${what} images, ${task.files.length} JPEGs an epoch`,
    ours_ms: oursMs,
    peer: `pytorch ${answers[1]?.[0]?.version}`,
    peer_ms: peerMs,
    ratio: peerMs / oursMs,
    goal: `at least ${GOAL} x the peer's images a second`,
    reached: peerMs >= GOAL * oursMs,
    ours_cpu_ms: oursCpu,
    peer_cpu_ms: peerCpu,
    cpu_ratio: peerCpu / oursCpu,
    ours_images_per_second: perSecond,
    peer_images_per_second: 1000 / peerMs,
    card_tflops: Number(options.rate),
    card_images_per_second: appetite,
    share_of_card: perSecond / appetite,
    cores_for_card: (appetite * oursCpu) / 1000,
  };
}

function lineOf(one: Awaited<ReturnType<typeof benchmark>>): string {
  const { case: what, ratio, cpu_ratio: cpu, ours_images_per_second: ours, peer_images_per_second: theirs } = one;
  const outcome = `goal ${one.goal}: ${one.reached ? 'reached' : 'missed'}`;
  const line = `${what}, ${workers} workers: ${ours.toFixed(0)} a second, ${one.peer} ${theirs.toFixed(0)}: ${ratio.toFixed(2)} x as many (${outcome}; by processor time ${cpu.toFixed(2)} x)`;
  if (what.startsWith('test')) return line;
  const card = `a card that keeps up ${one.card_tflops} TFLOP/s eats ${one.card_images_per_second.toFixed(0)} a second in sandwich steps`;
  return `${line}\n${card}: this feeds ${(100 * one.share_of_card).toFixed(0)} % of it, ${one.cores_for_card.toFixed(1)} such cores all of it`;
}
