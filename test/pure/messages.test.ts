import { expect, test } from 'vitest';
import { activityIdOf, parseActivityId } from '../../plan/names.ts';

test('activity ids name the stage, the cell and the round', () => {
  expect(parseActivityId(activityIdOf('few-shot-3', 1))).toEqual({ stage: 'few-shot-3', cell: null, round: 1 });
  expect(parseActivityId(activityIdOf('evaluate.3', 2))).toEqual({ stage: 'evaluate', cell: '3', round: 2 });
});
