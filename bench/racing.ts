import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { answersOfSupernet, answersOfTable } from './racing-answers.ts';
import type { Answered } from './racing-answers.ts';
import { kendallTau } from '../nas/evaluation/correlation.ts';
import { nextHeat, raceOf, resultsOf } from '../nas/evaluation/racing/race.ts';
import type { Score } from '../nas/evaluation/score.ts';
import { summed } from '../nas/evaluation/racing/estimate.ts';
import { withSizes } from '../nas/evaluation/size-mix.ts';

// npm run bench:racing -- --supernet FILE [--groups K --answers FILE] | --table FILE
//   [--subnets 1000 --pilots 50 --share 0.2 --top 100 --json]:
// what a race costs in agreement, and saves in images. Subnets of a trained Fashion-MNIST supernet are tested on all images once
// (what they have right is kept in --answers); with --table answers are made up after the accuracies of the competition's subnets in FILE,
// which is no part of the product. Races are then run on those answers.

const CLASSES = 10;
/** What a ranking rests on: all images, a race, the first images alone. */
type Ways = 'full' | 'raced' | 'uniform';

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
const first = Math.ceil(racing.share * images);
const result = raced();
if (options.json) console.log(JSON.stringify(result));
else for (const line of linesOf(result)) console.log(line);

async function answered(): Promise<Answered> {
  const { supernet, table, groups, answers: known } = options;
  const count = Number(options.subnets);
  if (table !== undefined) return answersOfTable(table, { count, share: racing.share });
  if (supernet !== undefined)
    return await answersOfSupernet(supernet, { groups: Number(groups), count, share: racing.share, known });
  console.error('bench:racing: expected --supernet FILE or --table FILE, got none; a run leaves supernets in results/');
  return process.exit(2);
}

/** What a test on the first images says, on the rest, or on all. */
function scoreOn(subnet: number, some: 'first' | 'rest' | 'all'): Score {
  const { right, loss } = answers[subnet]!;
  const of = (part: 0 | 1): Score => ({
    top1: right[part],
    top5: right[part],
    images: part === 0 ? first : images - first,
    crossEntropy: loss?.[part] ?? 0,
  });
  return { first: of(0), rest: of(1), all: summed(of(0), of(1)) }[some];
}

function raced() {
  const race = raceOf({ space, racing }, subnets, images);
  const scores: Score[] = [];
  const heats: number[] = [];
  let tested = 0;
  for (let heat = nextHeat(race, scores); heat !== null; heat = nextHeat(race, scores)) {
    const some = heat.images === undefined ? 'all' : heat.images[0] === 0 ? 'first' : 'rest';
    const own = heat.subnets.map((subnet) => scoreOn(subnet, some));
    heats.push(own.length);
    tested += own.reduce((sum, score) => sum + score.images, 0);
    scores.push(...own);
  }
  const results = resultsOf(race, scores);
  const full = subnets.map((_, subnet) => share(scoreOn(subnet, 'all')));
  const estimated = results.map(share);
  const uniform = subnets.map((_, subnet) => share(scoreOn(subnet, 'first')));
  const likelihoods = {
    full: subnets.map((_, subnet) => likelihoodOf(scoreOn(subnet, 'all'))),
    raced: results.map(likelihoodOf),
    uniform: subnets.map((_, subnet) => likelihoodOf(scoreOn(subnet, 'first'))),
  };
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
    /** How many of the best of all images are among the best; `uniform`: by the first images alone. */
    same_best: { raced: same(estimated), uniform: same(uniform) },
    tau_with_full: { raced: kendallTau(full, estimated), uniform: kendallTau(full, uniform) },
    /** Of the estimates, in percent points: what it was, and what they said. */
    error: { was: root(({ was }) => was), said: root(({ said }) => said) },
    truths: truths.map(({ name, subnets: own, accuracies, truth }) => {
      const at = (of: readonly number[]): number[] => own.map((subnet) => of[subnet]!);
      const shares = { full, raced: estimated, uniform };
      return {
        name,
        subnets: own.length,
        ...eachWay((of) => kendallTau(accuracies, at(shares[of]))),
        /** By cross-entropy together with sizes. */
        with_sizes:
          truth &&
          eachWay((of) => kendallTau(accuracies, withSizes({ space, classes: CLASSES, truth }, at(likelihoods[of])))),
      };
    }),
  };
}

function linesOf(one: ReturnType<typeof raced>): string[] {
  const { heats, same_best: same, tau_with_full: tau, error } = one;
  return [
    `${one.subnets} subnets, ${one.images} images, heats of ${heats.join(', ')}: ${percent(one.tested)} of the test images, ${percent(one.passed)} with those of calibration`,
    `of the best ${racing.top} on all images ${same.raced} are the best raced, ${same.uniform} on the first images alone`,
    `tau with all images ${tau.raced.toFixed(4)} raced, ${tau.uniform.toFixed(4)} on the first images alone`,
    `estimates err by ${error.was.toFixed(3)} points and say ${error.said.toFixed(3)}`,
    ...one.truths.flatMap(({ name, subnets: count, with_sizes: mixed, ...taus }) => [
      `tau with ${name} (${count} subnets): ${inWords(taus)}`,
      ...(mixed ? [`the same by cross-entropy with sizes: ${inWords(mixed)}`] : []),
    ]),
  ];
}

function likelihoodOf({ crossEntropy }: Score): number {
  return -crossEntropy;
}

function share({ top1, images: of }: Score): number {
  return top1 / of;
}

function eachWay(tau: (of: Ways) => number): Record<Ways, number> {
  return { full: tau('full'), raced: tau('raced'), uniform: tau('uniform') };
}

function inWords({ full, raced: by, uniform }: Readonly<Record<Ways, number>>): string {
  return `${full.toFixed(4)} on all images, ${by.toFixed(4)} raced, ${uniform.toFixed(4)} on the first images alone`;
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}
