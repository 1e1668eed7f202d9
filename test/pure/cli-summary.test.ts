import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { summary } from '../../cli/report.ts';
import type { Report } from '../../report/text.ts';

const interval = (estimate: number) => ({
  estimate,
  low: estimate - 0.1,
  high: estimate + 0.1,
  standardError: 0.05,
  level: 0.95,
});
const of = (tau: number) => ({
  tau: interval(tau),
  spearman: interval(0.7),
  pearson: interval(0.8),
  regret: interval(0.4),
});
const over = { ...interval(0.05), notBetter: 0.2 };
const written: Report = {
  groundTruth: { file: 'truth.json', sha256: '', subnets: 30, heldOut: false },
  ceiling: { reliability: 0.9, kendallTau: 0.795, pearson: 0.95, inside: null },
  baselines: [
    { name: 'log parameters and depth', ...of(0.55), inside: null },
    { name: 'depth', ...of(NaN), inside: null },
  ],
  supernets: [
    {
      stage: 'one-shot',
      groups: 1,
      epoch: 7,
      file: 'r/one-shot/0.6_7.safetensors',
      sha256: '',
      ...of(0.6),
      overBaseline: over,
      inside: null,
    },
  ],
  averages: [],
  ranking: { top1: 'r/ranking/top1_json_final.json', top5: 'x', subnets: 320 },
  prediction: {
    subnets: { evaluated: 100, predicted: 220 },
    folds: 10,
    tau: interval(0.5),
    rmse: interval(1.2),
    baselines: [{ name: 'log MACs', tau: interval(0.4) }],
  },
};

// As it is read: what is not a number is null in a file.
const report: Report = JSON.parse(JSON.stringify(written));

test('the summary sets every tau beside its interval, the baselines and the ceiling, and says where the ranking is', () => {
  const text = stripVTControlCharacters(summary(report, (file) => `results/${file}`));
  expect(text).toMatchInlineSnapshot(`
    "Kendall's tau against 30 subnets that were trained alone, with 95 % bootstrap intervals

    supernet  K  epoch  tau                   over the best baseline  file
    one-shot  1  7      0.600 [0.500, 0.700]  0.050 [-0.050, 0.150]   results/r/one-shot/0.6_7.safetensors

    without any training
    log parameters and depth  0.550 [0.450, 0.650]
    depth                     undefined

    Noise ceiling: the labels have a reliability of 0.900, so a perfect ranking reaches a tau of 0.795 on average.
    320 subnets are ranked in results/r/ranking/top1_json_final.json
    Its accuracies are predicted, all of them, by a regression fitted on the 100 subnets that were evaluated; 220 were not. On subnets left out (10 folds) it has a tau of 0.500 [0.400, 0.600] and errs by 1.200 [1.100, 1.300] percent points; log MACs alone: tau 0.400 [0.300, 0.500]."
  `);
});

test('the summary says so where the noise of the labels is not known', () => {
  const text = summary({ ...report, ceiling: null, ranking: null, prediction: null }, (file) => file);
  expect(text).toContain('is not known');
  expect(text).not.toContain('ranked in');
});

test('with bands, the summary says what each supernet knows where counting parameters ranks nothing', () => {
  const banded: Report = {
    ...report,
    groundTruth: { ...report.groundTruth, heldOut: true },
    ceiling: { ...report.ceiling!, inside: { reliability: 0.75, kendallTau: 0.667, pearson: 0.866 } },
    baselines: report.baselines.map((one) => ({ ...one, inside: of(0.09) })),
    supernets: report.supernets.map((one) => ({ ...one, inside: { ...of(0.35), overBaseline: over } })),
    averages: [
      {
        name: 'three seeds',
        supernets: 3,
        epochs: 2,
        sizes: true,
        ...of(0.7),
        overBaseline: over,
        inside: { ...of(0.42), overBaseline: over },
      },
    ],
  };
  const text = stripVTControlCharacters(summary(banded, (file) => file));
  expect(text).toContain('against 30 held-out subnets');
  expect(text.slice(text.indexOf('inside bands of'), text.indexOf('30 subnets are ranked'))).toMatchInlineSnapshot(`
    "inside bands of equal size, where counting parameters ranks nothing
    supernet                                              tau                   over the best baseline  lost by its best tenth
    one-shot                                              0.350 [0.250, 0.450]  0.050 [-0.050, 0.150]   0.400 [0.300, 0.500] percent points
    three seeds (3 supernets, 2 epochs each, with sizes)  0.420 [0.320, 0.520]  0.050 [-0.050, 0.150]   0.400 [0.300, 0.500] percent points

    without any training
    log parameters and depth  0.550 [0.450, 0.650]  inside bands 0.090 [-0.010, 0.190]
    depth                     undefined             inside bands 0.090 [-0.010, 0.190]

    Noise ceiling: the labels have a reliability of 0.900, so a perfect ranking reaches a tau of 0.795 on average.
    Inside bands the labels have a reliability of 0.750, so a perfect ranking reaches a tau of 0.667 on average.
    320 subnets are ranked in r/ranking/top1_json_final.json
    Its accuracies are predicted, all of them, by a regression fitted on the 100 subnets that were evaluated; 220 were not. On subnets left out (10 folds) it has a tau of 0.500 [0.400, 0.600] and errs by 1.200 [1.100, 1.300] percent points; log MACs alone: tau 0.400 [0.300, 0.500]"
  `);
});
