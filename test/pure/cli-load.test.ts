import { expect, test } from 'vitest';
import { loadPlan } from '../../cli/load.ts';

const load = (options: Parameters<typeof loadPlan>[1]) => loadPlan('test/e2e/kills.yml', options).reuse;

test('what may be reused is said by flags: anything, nothing, or what comes before a stage of an older run', () => {
  expect(load({})).toBeUndefined();
  expect(load({ fresh: true })).toBe('nothing');
  expect(load({ fromRun: 'old', fromStage: 'evaluate' })).toEqual({ run: 'old', stage: 'evaluate' });
});

test('flags that contradict or name nothing are refused with a remedy', () => {
  expect(() => load({ fromRun: 'old' })).toThrow('--from-stage');
  expect(() => load({ fresh: true, fromRun: 'old', fromStage: 'evaluate' })).toThrow('--fresh');
  expect(() => load({ fromRun: 'old', fromStage: 'nowhere' })).toThrow('expected one of one-shot, evaluate, ranking');
  expect(() => load({ fromRun: '../old', fromStage: 'evaluate' })).toThrow('run id');
  expect(() => load({ fromRun: 'kills', fromStage: 'evaluate' })).toThrow('kills');
});
