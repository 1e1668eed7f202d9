import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { isTriedAgain } from '../plan/endings.ts';
import type { Ending } from '../plan/endings.ts';

/** Why the activity itself ended a process that was still at work. */
export type Interruption = 'cancel' | 'shutdown' | 'operator' | 'lost' | 'stalled';

/** How a stage process came to its end without a result. */
export type HowEnded =
  | { readonly how: 'failed'; readonly ending: Ending; readonly message: string }
  | { readonly how: 'interrupted'; readonly by: Interruption; readonly detail: string }
  | {
      readonly how: 'died';
      readonly code: number | null;
      readonly signal: NodeJS.Signals | null;
      readonly log: string;
    };

/** The error an activity throws for an end: its type decides what happens next. `attempt` travels as the detail. */
export function errorOf(ended: HowEnded, attempt: number): Error {
  if (ended.how === 'failed') return failure(ended.ending, ended.message, attempt);
  if (ended.how === 'interrupted') return interrupted[ended.by](ended.detail, attempt);
  return ended.signal === 'SIGKILL'
    ? failure('OutOfMemory', `${death(ended)}, most likely for want of memory; make the batch smaller`, attempt)
    : failure('Crashed', `${death(ended)}; its last words are in ${ended.log}`, attempt);
}

export function failure(ending: Ending, message: string, attempt: number): ApplicationFailure {
  // Whole logs and stacks have no place in a history.
  const short = message.length > 2000 ? `${message.slice(0, 2000)}…` : message;
  return ApplicationFailure.create({
    type: ending,
    message: short,
    nonRetryable: !isTriedAgain(ending),
    details: [attempt],
  });
}

const interrupted: Readonly<Record<Interruption, (detail: string, attempt: number) => Error>> = {
  cancel: (detail) => new CancelledFailure(`stopped as asked; ${detail}`),
  shutdown: (detail, attempt) => failure('WorkerShutdown', `the worker shut down; ${detail}`, attempt),
  operator: (detail, attempt) => failure('Interrupted', `paused or reset by an operator; ${detail}`, attempt),
  lost: (detail, attempt) => failure('Interrupted', `the server gave this attempt up; ${detail}`, attempt),
  stalled: (detail, attempt) => failure('Stalled', `the process lives but makes no step; ${detail}`, attempt),
};

function death({ code, signal }: { code: number | null; signal: NodeJS.Signals | null }): string {
  return signal === null ? `the process ended with exit code ${code}` : `the process was ended by ${signal}`;
}
