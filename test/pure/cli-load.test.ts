import { expect, test } from 'vitest';
import { loadPlan, retrySettings } from '../../cli/load.ts';

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

test('what a retry sets is read as a start reads it: a word for a program that is no text is refused', () => {
  const plan = loadPlan('test/e2e/kills.yml', {});
  const command = { ...plan.stages[0]!, id: 'program', uses: 'command', with: { run: ['x'], env: { WORD: 'old' } } };
  const set = (...flags: string[]) => retrySettings({ ...plan, stages: [command] }, 'program.2', flags);
  expect(set('env.WORD=right', 'stall_seconds=1e3', 'env.WORD="3.10"')).toEqual({
    'env.WORD': '3.10',
    stall_seconds: 1000,
  });
  expect(() => set('env.WORD=3.10')).toThrow('expected a text in quotes, got 3.10, which YAML reads as 3.1');
  expect(() => set('nonsense')).toThrow('key=value');
});
