import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { answersOfSupernet, answersOfTable } from './racing-answers.ts';
import type { Answered } from './racing-answers.ts';
import { kendallTau } from '../nas/evaluation/correlation.ts';
import { nextHeat, raceOf, resultsOf } from '../nas/evaluation/racing/race.ts';
import { isRight } from '../nas/evaluation/score.ts';
import type { Score } from '../nas/evaluation/score.ts';

// npm run bench:racing -- --supernet FILE [--groups K --answers FILE] | --table FILE
//   [--subnets 1000 --pilots 50 --share 0.2 --top 100 --json]:
// what a race costs in agreement, and saves in images. Subnets of a trained Fashion-MNIST supernet are tested on all images once,
// answer by answer (kept in --answers); with --table answers are made up after the accuracies of the competition's subnets in FILE,
// which is no part of the product. Races are then run on those answers.

const { values: options } = parseArgs({
  options: {
    supernet: { type: 'string' },
    groups: { type: 'string', default: '1' },
    answers: { type: 'string' },
    table: { type: 'string' },
    subnets: { type: 'string', default: '1000' },
    pilots: { type: 'string', default: '50' },
    share: { type: 'string', default: '0.2' },
    top: { type: 'string', default: '100' },
    json: { type: 'boolean', default: false },
  },
});
const racing = { pilots: Number(options.pilots), share: Number(options.share), top: Number(options.top) };
const { space, subnets, images, calibration, answers, truths } = await answered();
const everyImage = Int32Array.from({ length: images }, (_, image) => image);
const result = raced();
if (options.json) console.log(JSON.stringify(result));
else for (const line of linesOf(result)) console.log(line);

async function answered(): Promise<Answered> {
  const { supernet, table, groups, answers: known } = options;
  const count = Number(options.subnets);
  if (table !== undefined) return answersOfTable(table, count);
  if (supernet !== undefined) return await answersOfSupernet(supernet, { groups: Number(groups), count, known });
  console.error('bench:racing: expected --supernet FILE or --table FILE, got none; a run leaves supernets in results/');
  return process.exit(2);
}

/** What a test on some images would say. */
function scoreOn(subnet: number, some: Int32Array): Score {
  const right = answers[subnet]!;
  const top1 = some.reduce((sum, image) => sum + Number(isRight(right, image)), 0);
  return { top1, top5: top1, images: some.length, crossEntropy: 0, right };
}

function raced() {
  const race = raceOf({ space, racing }, subnets, images);
  const scores: Score[] = [];
  const heats: number[] = [];
  let tested = 0;
  for (let heat = nextHeat(race, scores); heat !== null; heat = nextHeat(race, scores)) {
    const some = heat.images ?? everyImage;
    heats.push(heat.subnets.length);
    tested += heat.subnets.length * some.length;
    scores.push(...heat.subnets.map((subnet) => scoreOn(subnet, some)));
  }
  const results = resultsOf(race, scores);
  const full = subnets.map((_, subnet) => share(scoreOn(subnet, everyImage)));
  const estimated = results.map(share);
  const first = everyImage.subarray(0, Math.round(tested / subnets.length));
  const uniform = subnets.map((_, subnet) => share(scoreOn(subnet, first)));
  const best = (shares: readonly number[]): number[] =>
    [...shares.keys()].toSorted((a, b) => shares[b]! - shares[a]! || a - b).slice(0, racing.top);
  const isBest = new Set(best(full));
  const same = (shares: readonly number[]): number => best(shares).filter((subnet) => isBest.has(subnet)).length;
  const errors = results.flatMap((one, subnet) =>
    'error' in one && one.error > 0 ? [{ was: estimated[subnet]! - full[subnet]!, said: one.error }] : [],
  );
  const root = (of: (error: (typeof errors)[number]) => number): number =>
    100 * Math.sqrt(errors.reduce((sum, error) => sum + of(error) ** 2, 0) / errors.length);
  return {
    bench: 'racing',
    device: cpus()[0]?.model.trim(),
    subnets: subnets.length,
    images,
    racing,
    /** Subnets in each heat. */
    heats,
    /** Of what it takes to test every subnet on all images: test images, and all that pass a network, those of calibration too. */
    tested: tested / (subnets.length * images),
    passed:
      (tested + calibration * heats.reduce((sum, count) => sum + count, 0)) / (subnets.length * (images + calibration)),
    /** How many of the best of all images are among the best; `uniform`: by as many images for every subnet, the first. */
    same_best: { raced: same(estimated), uniform: same(uniform) },
    tau_with_full: { raced: kendallTau(full, estimated), uniform: kendallTau(full, uniform) },
    /** Of the estimates, in percent points: what it was, and what they said. */
    error: { was: root(({ was }) => was), said: root(({ said }) => said) },
    /** Share of the images on which two subnets differ, on average over a hundred pairs. */
    differ: differing(),
    truths: truths.map(({ name, subnets: own, accuracies }) => {
      const tau = (of: readonly number[]): number =>
        kendallTau(
          accuracies,
          own.map((subnet) => of[subnet]!),
        );
      return { name, subnets: own.length, full: tau(full), raced: tau(estimated), uniform: tau(uniform) };
    }),
  };
}

function differing(): number {
  const pairs = Array.from(
    { length: Math.min(100, answers.length >> 1) },
    (_, pair) => [answers[2 * pair]!, answers[2 * pair + 1]!] as const,
  );
  const counts = pairs.map(([a, b]) => everyImage.filter((image) => isRight(a, image) !== isRight(b, image)).length);
  return counts.reduce((sum, count) => sum + count, 0) / (images * counts.length);
}

function linesOf(one: ReturnType<typeof raced>): string[] {
  const { heats, same_best: same, tau_with_full: tau, error } = one;
  return [
    `${one.subnets} subnets, ${one.images} images, heats of ${heats.join(', ')}: ${percent(one.tested)} of the test images, ${percent(one.passed)} with those of calibration`,
    `of the best ${racing.top} on all images ${same.raced} are the best raced, ${same.uniform} on as many images for everyone`,
    `tau with all images ${tau.raced.toFixed(4)} raced, ${tau.uniform.toFixed(4)} on as many images for everyone`,
    `estimates err by ${error.was.toFixed(3)} points and say ${error.said.toFixed(3)}; two subnets differ on ${percent(one.differ)} of the images`,
    ...one.truths.map(
      ({ name, subnets: count, full, raced: by, uniform }) =>
        `tau with ${name} (${count} subnets): ${full.toFixed(4)} on all images, ${by.toFixed(4)} raced, ${uniform.toFixed(4)} on as many images for everyone`,
    ),
  ];
}

function share({ top1, images: of }: Score): number {
  return top1 / of;
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}
