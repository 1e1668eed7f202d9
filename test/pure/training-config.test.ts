import { describe, expect, test } from 'vitest';
import { TrainStandaloneConfig, TrainSupernetConfig } from '../../nas/training/config.ts';
import { tinyStandalone, tinySupernet } from '../support/training-configs.ts';

function problems(value: unknown): string[] {
  const parsed = TrainSupernetConfig.safeParse(value);
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

const factor = (stage: number) => ({ '2': [{ stage, group: 'last', factor: 0.5 }] });
const with2 = (given: object, groups: number) => problems({ ...tinySupernet(), groups, inherit: given });
const wrong = (changes: object): string[] =>
  TrainStandaloneConfig.safeParse({ ...tinyStandalone(), ...changes }).error?.issues.map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  ) ?? [];

describe('training configs', () => {
  test('that are whole are taken as they are', () => {
    expect(TrainSupernetConfig.parse(tinySupernet())).toEqual(tinySupernet());
    expect(TrainStandaloneConfig.parse(tinyStandalone())).toEqual(tinyStandalone());
  });

  test('may say a learning-rate factor as a fraction', () => {
    const factors = { '2': [{ stage: 2, group: 'first', factor: '1/4' }] };
    const parsed = TrainSupernetConfig.parse({ ...tinySupernet(), group_lr_factors: factors });
    expect(parsed.group_lr_factors['2']![0]!.factor).toBe(0.25);
    expect(TrainSupernetConfig.parse(structuredClone(parsed))).toEqual(parsed);
  });

  test('are refused where space, data set and training do not fit together', () => {
    const tiny = tinySupernet();
    expect(problems({ ...tiny, n_classes: 1000 })).toEqual([
      'n_classes: expected 10, as the data set fashion-tiny has, got 1000',
    ]);
    expect(problems({ ...tiny, space: { ...tiny.space, resolutions: [20, 32] } })[0]).toMatch(
      /^space: expected a largest resolution of 28/,
    );
    expect(problems({ ...tiny, groups: 4 })[0]).toMatch(/^groups: expected 1\.\.3/);
    expect(problems({ ...tiny, batch_size: 500 })[0]).toMatch(
      /^batch_size: expected at most the 320 images of training/,
    );
    expect(problems({ ...tiny, calibration: { part: 'calibration', batches: 3, batch_size: 60 } })[0]).toMatch(
      /lower batches$/,
    );
    expect(problems({ ...tiny, group_lr_blocks: [4] })[0]).toMatch(
      /^group_lr_blocks: expected one number for each of 2 stages/,
    );
    expect(problems({ ...tiny, group_lr_factors: { '2': [{ stage: 3, group: 'last', factor: 2 }] } })[0]).toMatch(
      /^group_lr_factors\.2\.0\.stage: expected a stage 1\.\.2/,
    );
  });

  test('inherit only from a supernet of fewer groups', () => {
    const inherit = { file: 'x/3/0.5_1.safetensors', sha256: 'a'.repeat(64), groups: 3 };
    expect(problems(tinySupernet({ groups: 2, inherit }))[0]).toMatch(
      /^inherit: expected a supernet of fewer than 2 groups/,
    );
    expect(problems(tinySupernet({ groups: 3, inherit: { ...inherit, groups: 2 } }))).toEqual([]);
  });

  test('say why they refuse running BN statistics, and an epsilon that the network does not have', () => {
    expect(problems({ ...tinySupernet(), bn_momentum: 0.1 })[0]).toMatch(/every tested subnet is calibrated/);
    expect(problems({ ...tinySupernet(), bn_eps: 1e-3 })[0]).toMatch(/expected 1e-5, the only value/);
  });

  test('are refused at the first number that does not fit, and taken at the last that does', () => {
    const tiny = tinySupernet();
    const few = { sample_way: 'large', sample_candidates: 4 };
    expect(problems({ ...tiny, ...few })).toEqual([]);
    expect(problems({ ...tiny, sample_way: 'small' })).toEqual([
      'sample_candidates: expected a number of nets to choose from (sample_way is small), got none',
    ]);
    expect(problems({ ...tiny, sample_way: 'fair', sample_candidates: 4 })).toEqual([
      'sample_candidates: expected none where nothing is chosen (sample_way is fair), got 4',
    ]);
    expect(problems({ ...tiny, groups: 3 })).toEqual([]);
    expect(problems({ ...tiny, group_lr_blocks: [4, 4] })).toEqual([]);
    expect(problems({ ...tiny, group_lr_factors: factor(2) })).toEqual([]);
    expect(problems({ ...tiny, group_lr_factors: factor(3) })).toEqual([
      'group_lr_factors.2.0.stage: expected a stage 1..2, got 3',
    ]);
  });

  test('may go on with a file of as many groups, but not with a stage of as many', () => {
    const inherit = { file: 'run/2/0.5_1.safetensors', sha256: '0'.repeat(64), epoch: 1, tau: 0.5, groups: 2 };
    const file = { ...inherit, origin: 'project' };
    expect(with2(inherit, 3)).toEqual([]);
    expect(with2(inherit, 2)).toEqual([
      "inherit: expected a supernet of fewer than 2 groups, got one of 2; take an earlier stage's",
    ]);
    expect(with2(file, 2)).toEqual([]);
    expect(with2(file, 1)).toEqual(['inherit: expected a supernet of at most 1 groups, got one of 2; raise groups']);
  });

  test('have a whole batch of images, and one for each rank of the last', () => {
    const tiny = { ...tinySupernet(), drop_last: true };
    // Of 320 images.
    expect(problems({ ...tiny, batch_size: 320 })).toEqual([]);
    expect(problems({ ...tiny, batch_size: 160, ranks: 2 })).toEqual([]);
    expect(problems({ ...tiny, batch_size: 161, ranks: 2 })).toEqual([
      'batch_size: expected at most the 320 images of training (drop_last is on), got 2 ranks × 161',
    ]);
    const whole = { ...tiny, drop_last: false };
    expect(problems({ ...whole, batch_size: 400 })).toEqual([]);
    // 320 in batches of 3 × 53 leave 2 for 3 ranks; of 3 × 52 they leave 8; of 2 × 80 none.
    expect(problems({ ...whole, batch_size: 53, ranks: 3 })).toEqual([
      'ranks: expected an image for each rank in the last batch, got 2 images (320 in batches of 3 ranks × 53); turn drop_last on, or change batch_size',
    ]);
    expect(problems({ ...tiny, batch_size: 53, ranks: 3 })).toEqual([]);
    expect(problems({ ...whole, batch_size: 52, ranks: 3 })).toEqual([]);
    expect(problems({ ...whole, batch_size: 80, ranks: 2 })).toEqual([]);
    expect(problems({ ...whole, batch_size: 159, ranks: 2 })).toEqual([]);
  });

  test('of a subnet alone name a code of the space and no seed twice', () => {
    expect(wrong({ seeds: [1, 2, 1] })).toEqual([
      'seeds: expected different seeds; a seed twice gives one result twice',
    ]);
    expect(wrong({ arch: '999222002200' })).toEqual([
      "arch: expected a leading '1' at digit [0], got '9'; correct the arch code",
    ]);
    for (const arch of ['11122200220x', 'x11222002200', '']) {
      expect(wrong({ arch })[0]).toBe('arch: expected an arch code: digits only, in quotes');
    }
    expect(wrong({ n_classes: 1000 })).toHaveLength(1);
  });
});
