import { expect, test } from 'vitest';
import { recordsFrom } from '../../workflows/records.ts';
import { Run } from '../../workflows/run.ts';
import { planOf } from '../support/pipelines.ts';

test('a run that its worker has put away, and that has no page any more, does no harm by writing it', () => {
  const plan = planOf('name: p\nstages:\n  one: { uses: command, with: { run: ["true"] } }\n');
  const run = new Run(plan, recordsFrom(plan, undefined));
  expect(() => run.show()).not.toThrow();
});
