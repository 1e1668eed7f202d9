import { parseArgs } from 'node:util';
import { answersOfSupernet } from './racing-answers.ts';
import { kendallTau } from '../nas/evaluation/correlation.ts';
import type { Values } from '../nas/evaluation/correlation.ts';
import { chooseSubnets, fitPredictor, predictAll } from '../nas/evaluation/predictor/predictor.ts';
import { withSizes } from '../nas/evaluation/size-mix.ts';

// npm run bench:predictor-truth -- --supernet FILE [--groups K --answers FILE --subnets 1000 --budget 300 --repetitions 10 --json]:
// what a ranking loses that rests on some evaluated subnets alone, against accuracies of subnets trained alone. The subnets of a trained
// Fashion-MNIST supernet, those of the ground truths among them, are tested once; --answers keeps what came of it, and reads what
// bench:racing has kept.

/** Of the images that bench:racing tests first. */
const SHARE = 0.25;

const { values: options } = parseArgs({
  options: {
    supernet: { type: 'string' },
    groups: { type: 'string', default: '1' },
    answers: { type: 'string' },
    subnets: { type: 'string', default: '1000' },
    budget: { type: 'string', default: '300' },
    repetitions: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
});
if (options.supernet === undefined) {
  console.error('bench:predictor-truth: expected --supernet FILE, got none; a run leaves supernets in results/');
  process.exit(2);
}
const { space, subnets, answers, truths, images } = await answersOfSupernet(options.supernet, {
  groups: Number(options.groups),
  count: Number(options.subnets),
  share: SHARE,
  known: options.answers,
});
const first = Math.ceil(SHARE * images);
const measured = {
  top1: answers.map(({ right: [a, b] }) => (a + b) / images),
  cross_entropy: answers.map(({ loss }) => -(loss![0] * first + loss![1] * (images - first)) / images),
};
const seeds = [...Array(Number(options.repetitions)).keys()];
const budget = Number(options.budget);
const fitted = seeds.map((seed) => {
  const chosen = chooseSubnets(space, subnets, budget, seed);
  const fit = (scores: readonly number[]): Float64Array => {
    const observations = Array.from(chosen, (at) => ({ subnet: subnets[at]!, score: scores[at]! }));
    return predictAll(fitPredictor(space, observations, { seed }), subnets);
  };
  return { top1: fit(measured.top1), cross_entropy: fit(measured.cross_entropy) };
});
const mean = (of: (one: (typeof fitted)[number]) => number): number =>
  fitted.reduce((sum, one) => sum + of(one), 0) / fitted.length;
const result = truths.map(({ name, subnets: own, accuracies, truth }) => {
  const at = (of: Values): number[] => own.map((subnet) => of[subnet]!);
  const tau = (of: Values): number => kendallTau(accuracies, at(of));
  const mixed = (of: Values): number =>
    kendallTau(accuracies, withSizes({ space, classes: 10, truth: truth! }, at(of)));
  return {
    truth: name,
    of: own.length,
    top1: { evaluated: tau(measured.top1), predicted: mean((one) => tau(one.top1)) },
    cross_entropy: { evaluated: tau(measured.cross_entropy), predicted: mean((one) => tau(one.cross_entropy)) },
    cross_entropy_with_sizes: {
      evaluated: mixed(measured.cross_entropy),
      predicted: mean((one) => mixed(one.cross_entropy)),
    },
  };
});
if (options.json) console.log(JSON.stringify({ bench: 'predictor-truth', budget, subnets: subnets.length, result }));
else {
  console.log(`${budget} of ${subnets.length} subnets evaluated, means over ${seeds.length} seeds`);
  for (const { truth, of, ...ways } of result) {
    for (const [way, { evaluated, predicted }] of Object.entries(ways)) {
      const share = (100 * predicted) / evaluated;
      const line = `tau ${evaluated.toFixed(4)} evaluated, ${predicted.toFixed(4)} predicted: ${share.toFixed(1)} %`;
      console.log(`${truth} (${of} subnets), by ${way.replaceAll('_', ' ')}: ${line}`);
    }
  }
}
