import { expect, test } from 'vitest';
import type { StageStatus } from '../../plan/messages.ts';
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

const stage = { id: 'a', uses: 'train-supernet', state: 'done', attempts: 1 } as const;
const run = { id: 'r', name: 'quickstart', state: 'running', notices: [] } as const;

/** The page with plain spaces. */
function page(stages: readonly StageStatus[], notices: readonly string[] = [], all?: number): string {
  return detailsOf({ ...run, stages, notices }, all).replaceAll('\u00A0', ' ');
}

test('a bar has no room for values that are lists, nor for more than 120 letters', () => {
  expect(summaryOf('s.1', { epochs: '3', groups: null }, { part: 1, of: { x: 1 } })).toBe('s.1 · part=1 · of=…');
  expect(summaryOf('s', {}, { long: 'x'.repeat(200) })).toBe(`s · long=${'x'.repeat(111)}`);
});

test.each([
  ['| a    | waiting    |     |     |  |', { state: 'waiting' }],
  [
    '| a    | running (3/8)    |     |     |  |',
    { state: 'running', cells: { done: 3, reused: 0, total: 8, parked: [] } },
  ],
  ['| a    | done    | 2    |     |  |', { epoch: 2 }],
  [
    '| a    | done    | 0 of 0..0    | 0.125 [-0.250, 0.500]    | `r/x` |',
    { epoch: 0, epochs: 1, tau: 0.125, interval: [-0.25, 0.5], supernet: 'r/x' },
  ],
] as const)('a stage has the line %s', (line, changes) => {
  const text = page([{ ...stage, ...changes }]);
  expect(text.split('\n')).toEqual([
    '**quickstart** · run `r` · running',
    '',
    '| stage | state | epoch | tau | supernet |',
    '| --- | --- | --- | --- | --- |',
    line,
  ]);
});

test('of many stages the first sixty have lines and questions, and the others are counted', () => {
  const many = Array.from({ length: 61 }, (_, at): StageStatus => ({ ...stage, id: `s${at}`, state: 'parked' }));
  const text = page(many, [], 70);
  expect(text).toContain('| s59 ');
  expect(text).not.toContain('s60');
  expect(text).toContain('\n\nand 10 more stages\n\n');
  expect(text.match(/failed and waits/g)).toHaveLength(60);
  expect(page(many.slice(0, 60))).not.toContain('more stages');
  expect(page(many)).toContain('and 1 more stages');
});

test('a person who is asked for an epoch gets the ten best and the lines that answer', () => {
  const choices = Array.from({ length: 12 }, (_, epoch) => ({
    epoch,
    tau: epoch === 3 ? null : epoch / 20,
    interval: null,
  }));
  const text = page([{ ...stage, state: 'selecting', epoch: 11, choices }]);
  expect(text).toContain('**Choose the epoch of a** (best first): 11 (tau 0.550), 10 (tau 0.500), 9 (tau 0.450), ');
  expect(text).toMatch(/2 \(tau 0\.100\), 1 \(tau 0\.050\)\n/);
  expect(text).toContain(
    [
      '```',
      'nas select r a 11',
      `temporal workflow signal --workflow-id r --name selectEpoch --input '{"stage":"a","epoch":11}'`,
      '```',
    ].join('\n'),
  );
  const none = page([{ ...stage, state: 'selecting', choices: [{ epoch: 0, tau: null, interval: null }] }]);
  expect(none).toContain('(best first): 0 (tau none)\n');
  expect(none).toContain('nas select r a 0');
  expect(page([{ ...stage, state: 'selecting' }])).toContain('(best first): \n');
});

/** What answers for work of that name. */
function answers(name: string): string {
  return [
    '```',
    `nas retry r ${name}`,
    `nas skip r ${name}`,
    `nas abort r ${name}`,
    `temporal workflow update execute --workflow-id r --name retryStage --input '{"stage":"${name}"}'`,
    '```',
  ].join('\n');
}

test('work that failed has its error in a line, and the lines that answer', () => {
  const alone = page([{ ...stage, state: 'parked', error: `no  room\n on ${'x'.repeat(600)}` }]);
  expect(alone).toContain(`**a failed and waits**: no room on ${'x'.repeat(489)}\n\n\`\`\``);
  expect(alone).not.toContain('x'.repeat(490));
  expect(alone).toContain(answers('a'));
  const parked = Array.from({ length: 11 }, (_, at) => `a.${at + 1}`);
  const cells = { done: 0, reused: 0, total: 20, parked };
  const several = page([{ ...stage, state: 'running', cells }]);
  expect(several).toContain(`**${parked.slice(0, 10).join(', ')} failed and waits**: \n`);
  expect(several).toContain(answers('a.1'));
  expect(page([{ ...stage, state: 'running', cells: { ...cells, parked: [] } }])).not.toContain('waits');
});

test('what went wrong without stopping anything stands at the end, and nothing is longer than the page takes', () => {
  const text = page([stage], ['first\nline', 'y'.repeat(400)]);
  expect(text.endsWith(`\n\n> first line\n\n> ${'y'.repeat(300)}`)).toBe(true);
  const notices = Array.from({ length: 100 }, () => 'z'.repeat(300));
  expect(detailsOf({ ...run, stages: [], notices })).toHaveLength(19_000);
});
