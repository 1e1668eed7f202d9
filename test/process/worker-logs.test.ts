import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { jsonLine, textLine } from '../../cli/worker-logs.ts';
import { KnownError } from '../../plan/endings.ts';

const ofActivity = new KnownError('Crashed', 'webhook: expected its address in HOOK, got none');
// Workflows run in a realm of their own, where Error is another class.
const ofWorkflow: unknown = runInNewContext(`new Error('failed', { cause: new TypeError('given up: one') })`);

test('what a worker logs of an error says its message and its cause, in both forms', () => {
  const line = textLine('now', 'WARN', 'Activity failed', { activityId: 'one', taskToken: 'Ci', error: ofActivity });
  expect(line).toMatch(/^now WARN Activity failed: webhook: expected its address in HOOK, got none \{/);
  expect(line).toContain('"ending":"Crashed"');
  expect(line).not.toContain('Ci');
  const { error, stage } = JSON.parse(
    jsonLine('now', 'WARN', 'Workflow failed', { activityId: 'one', error: ofWorkflow }),
  );
  expect(stage).toBe('one');
  expect(error).toEqual({
    name: 'Error',
    message: 'failed',
    cause: { name: 'TypeError', message: 'given up: one' },
  });
});
