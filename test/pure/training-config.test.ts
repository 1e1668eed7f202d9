import { describe, expect, test } from 'vitest';
import { TrainStandaloneConfig, TrainSupernetConfig } from '../../nas/training/config.ts';
import { tinyStandalone, tinySupernet } from '../support/training-configs.ts';

function problems(value: unknown): string[] {
  const parsed = TrainSupernetConfig.safeParse(value);
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

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
});
