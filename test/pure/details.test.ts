import { expect, test } from 'vitest';
import { detailsOf, summaryOf } from '../../workflows/details.ts';

test("an activity's bar says what it works on, one epoch in the singular", () => {
  expect(summaryOf('one-shot', { epochs: 1, groups: 1 }, {})).toBe('one-shot · 1 epoch · K=1');
  expect(summaryOf('few-shot-3', { epochs: 12, groups: 3 }, {})).toBe('few-shot-3 · 12 epochs · K=3');
  expect(summaryOf('one-shot', { epochs: 6, groups: 1, ranks: 2 }, {})).toBe('one-shot · 6 epochs · K=1 · 2 ranks');
  expect(summaryOf('evaluate.3', {}, { part: 3 })).toBe('evaluate.3 · part=3');
});

test('the table of stages counts epochs from 0, as the command line does, with spaces that the page keeps', () => {
  const stage = { id: 'one-shot', uses: 'train-supernet', state: 'done', attempts: 1 } as const;
  const stages = [{ ...stage, epoch: 2, epochs: 6, tau: 0.5 }];
  const text = detailsOf({ id: 'r', name: 'quickstart', state: 'done', stages, notices: [] });
  expect(text).toContain(
    '| one-shot\u00A0\u00A0\u00A0 | done\u00A0\u00A0\u00A0 | 2 of 0..5\u00A0\u00A0\u00A0 | 0.500\u00A0\u00A0\u00A0 |',
  );
});
