import { expect, test } from 'vitest';
import { Failure, inWords } from '../../cli/failure.ts';
import { PipelineError, problem } from '../../pipelines/problems.ts';
import { BadInput, endings, KnownError } from '../../plan/endings.ts';
import type { Ending } from '../../plan/endings.ts';

/** An error as a library throws it, known by its name. */
function named(name: string, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { name }, more);
}

const every: readonly Ending[] = [
  'BadInput',
  'NaNLoss',
  'Fenced',
  'OutOfMemory',
  'Stalled',
  'Crashed',
  'Interrupted',
  'WorkerShutdown',
];

test('what was given wrongly ends with 2, whatever else failed with 1, and the message is all of it', () => {
  expect(every.toSorted()).toEqual(Object.keys(endings).toSorted());
  for (const ending of every) {
    const expected = { message: 'why', exitCode: ending === 'BadInput' ? 2 : 1 };
    expect(inWords(new KnownError(ending, 'why')), ending).toEqual(expected);
  }
  expect(inWords(new BadInput('why'))).toEqual({ message: 'why', exitCode: 2 });
  expect(inWords(new Failure('why'))).toEqual({ message: 'why', exitCode: 1 });
  expect(inWords(new Failure('why', 2))).toEqual({ message: 'why', exitCode: 2 });
  expect(inWords('no error at all')).toEqual({ message: 'no error at all', exitCode: 1 });
  expect(inWords(new Error('odd'))).toEqual({ message: 'odd (NAS_DEBUG=1 shows where)', exitCode: 1 });
});

test('a pipeline with mistakes lists each with its place', () => {
  const error = new PipelineError([problem({ source: 'p.yml' }, ['stages'], 'expected a list')]);
  expect(inWords(error)).toMatchObject({ exitCode: 2, problems: [{ message: 'expected a list' }] });
});

test("a run that is not there, or refuses what is asked of it, is the asker's mistake", () => {
  expect(inWords(named('WorkflowNotFoundError', 'x', { workflowId: 'mine' }))).toEqual({
    message: 'run mine: expected an open run of this id on the server, got none; start it with `nas start`',
    exitCode: 2,
  });
  const refused = { cause: new Error('one: expected a parked stage, got one that is done') };
  expect(inWords(named('WorkflowUpdateFailedError', 'x', refused))).toEqual({
    message: 'one: expected a parked stage, got one that is done',
    exitCode: 2,
  });
  expect(inWords(named('WorkflowUpdateFailedError', 'refused'))).toEqual({ message: 'refused', exitCode: 2 });
});

test('silence is of the worker, or of the server itself', () => {
  const worker = 'worker: expected one to answer for the run, got none; start it with `nas up` or `nas worker`';
  expect(inWords(named('WorkflowUpdateRPCTimeoutOrCancelledError', 'x'))).toEqual({ message: worker, exitCode: 1 });
  const of = (cause: string) =>
    inWords(named('ServiceError', 'x', { cause: new Error('y', { cause: new Error(cause) }) }));
  expect(of('no poller seen')).toEqual({ message: worker, exitCode: 1 });
  expect(of('1 CANCELLED: Call cancelled')).toEqual({ message: worker, exitCode: 1 });
  expect(of('ECONNREFUSED')).toEqual({
    message: 'server: expected an answer, got none (ECONNREFUSED); check that it runs',
    exitCode: 1,
  });
});
