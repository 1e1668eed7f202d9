// npm run bench:ranks [-- --json --repetitions N --case fashion]: a step of two ranks with one thread each against one process with
// two threads and the images of both, in turns. There is no peer: PyTorch has no synchronised batch normalisation on processors.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Supernet } from '../nas/supernet/supernet.ts';
import { saveSupernet } from '../nas/supernet/weights.ts';
import { freeAddresses } from '../runtime/collectives/cluster.ts';
import { median, startRunner } from './runner.ts';
import { iterationsOf, randomImages, spaceNamed } from './train-task.ts';
import type { TrainTask } from './train-task.ts';

interface Answer {
  /** Of a step. */
  readonly ms: number;
  readonly shareOfSums: number;
}

const RANKS = 2;
const CLASSES = 10;
const cases = [
  { name: 'imagenet space at full width', space: 'imagenet', batch: 8, iterations: 1 },
  { name: 'fashion space', space: 'fashion', batch: 64, iterations: 4 },
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
  if (options.json) console.log(JSON.stringify({ bench: 'ranks', device: cpus()[0]?.model.trim(), cases: results }));
  else for (const result of results) console.log(lineOf(result));
} finally {
  rmSync(folder, { recursive: true });
}

async function benchmark({ name, space: spaceName, batch, iterations }: (typeof cases)[number], repetitions: number) {
  const space = spaceNamed(spaceName);
  const [images, weights] = [join(folder, 'images'), join(folder, 'weights')];
  const side = space.resolutions.at(-1)!;
  writeFileSync(images, randomImages(RANKS * batch * side * side * space.channels));
  const net = Supernet.build({ space, classes: CLASSES, groups: 1, seed: 0 });
  saveSupernet(net, weights);
  net.dispose();
  const task = (threads: number, each: number): string => {
    const file = join(folder, `task-${threads}`);
    const labels = Array.from({ length: RANKS * batch }, (_, at) => at % CLASSES);
    const nets = iterationsOf(space, iterations);
    const whole = { space, threads, batch: each, classes: CLASSES, iterations: nets, labels, images, weights };
    writeFileSync(file, JSON.stringify({ ...whole, dropout: 0, rate: 0.001 } satisfies TrainTask));
    return file;
  };
  const start = (file: string, rank: number, threads: number, addresses: readonly string[]) =>
    startRunner<Answer>(
      process.execPath,
      ['--import', 'tsx', join(import.meta.dirname, 'ranks-runner.ts'), file, String(rank), addresses.join()],
      { TF_NUM_INTRAOP_THREADS: String(threads), TF_NUM_INTEROP_THREADS: '1' },
    );
  const addresses = await freeAddresses(RANKS);
  const [shared, whole] = [task(1, batch), task(RANKS, RANKS * batch)];
  const ranks = addresses.map((_, rank) => start(shared, rank, 1, addresses));
  const alone = start(whole, 0, RANKS, []);
  const together = async (): Promise<Answer> => (await Promise.all(ranks.map(async ({ run }) => await run(1))))[0]!;
  // The first steps read and lay out weights.
  await together();
  await alone.run(1);
  const [ours, theirs]: [Answer[], Answer[]] = [[], []];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    ours.push(await together());
    theirs.push(await alone.run(1));
  }
  for (const runner of [...ranks, alone]) runner.end();
  const [ms, one] = [median(ours.map((answer) => answer.ms)), median(theirs.map((answer) => answer.ms))];
  return {
    case: `${name}, ${RANKS} ranks × ${batch} images, one thread each, against one process × ${RANKS * batch}, two threads`,
    ranks: RANKS,
    ours_ms: ms,
    one_process_ms: one,
    of_one_process: ms / one,
    share_of_sums: median(ours.map(({ shareOfSums }) => shareOfSums)),
  };
}

function lineOf(result: Awaited<ReturnType<typeof benchmark>>): string {
  const [ours, one] = [result.ours_ms, result.one_process_ms].map((ms) => `${ms.toFixed(0)} ms`);
  const share = `${(100 * result.share_of_sums).toFixed(0)} % of it in sums`;
  return `${result.case}: ${ours} (${share}) against ${one}, ${result.of_one_process.toFixed(2)} times as long`;
}
