import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { endingOf, isTriedAgain, KnownError, waitMs } from '../plan/endings.ts';
import type { Ending } from '../plan/endings.ts';
import type { Retry } from '../plan/plan.ts';
import type { MachineMemory } from '../runtime/processes.ts';

/** Why an activity itself ended work that was under way. */
export type Interruption = 'cancel' | 'shutdown' | 'operator' | 'lost' | 'stalled';

const interruptions: Readonly<Record<Interruption, readonly [ending: Ending, what: string]>> = {
  cancel: ['Interrupted', 'stopped as asked'],
  shutdown: ['WorkerShutdown', 'the worker shut down'],
  operator: ['Interrupted', 'paused or reset by an operator'],
  lost: ['Interrupted', 'the server gave this attempt up'],
  stalled: ['Stalled', 'the process lives but makes no step'],
};

/** Work that was ended from here. */
export class InterruptedError extends KnownError {
  readonly by: Interruption;

  /** @param detail how the work goes on */
  constructor(by: Interruption, detail: string) {
    const [ending, what] = interruptions[by];
    super(ending, `${what}; ${detail}`);
    this.by = by;
  }
}

/** How a process came to an end that nobody here asked for. */
export interface Death {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it was at, in words; null where it did not say. */
  readonly lastSeen: string | null;
  /** Bytes that it held when it was last looked at. */
  readonly held: number | null;
  /** The machine's memory when the process began and when it had ended. */
  readonly machine: { readonly before: MachineMemory | null; readonly after: MachineMemory | null };
  /** Where its output is, relative to the results root. */
  readonly log: string;
}

/** Says what is known of a death, and nothing else: want of memory only where the kernel says that it ended processes for it. */
export function errorOfDeath({ code, signal, lastSeen, held, machine, log }: Death): KnownError {
  const { before, after } = machine;
  const endedForWant = before === null || after === null ? null : after.endedForWant - before.endedForWant;
  const known = [
    signal === null ? `the process ended with exit code ${code}` : `the process was ended by ${signal}`,
    lastSeen === null ? 'it had not said what it was at' : `it was at ${lastSeen}`,
    ...(held === null ? [] : [`it held ${gigabytes(held)} when it was last looked at`]),
    ...(after === null ? [] : [`the machine has ${gigabytes(after.available)} of ${gigabytes(after.total)} to spare`]),
    ...(endedForWant === null || signal !== 'SIGKILL'
      ? []
      : [`the kernel ended ${endedForWant} processes for want of memory meanwhile`]),
  ];
  const isForWant = signal === 'SIGKILL' && endedForWant !== null && endedForWant > 0;
  const remedy = isForWant ? 'make the batch smaller' : `its last output is in ${log}`;
  return new KnownError(isForWant ? 'OutOfMemory' : 'Crashed', `${known.join(', ')}; ${remedy}`);
}

function gigabytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** How an attempt's end is told to the workflow. */
export interface End {
  /** Temporal's count, which the workflow adds up. */
  readonly attempt: number;
  /** Attempts, this one included, since something was last saved. */
  readonly tries: number;
  /** Null where the server alone decides. */
  readonly retry: Retry | null;
}

/** The failure of an activity: its type is the ending, and the server tries again only where that may help. */
export function failureOf(error: unknown, { attempt, tries, retry }: End): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof InterruptedError && error.by === 'cancel') return new CancelledFailure(text);
  const ending = endingOf(error);
  const isLast = isTriedAgain(ending) && retry !== null && tries >= retry.maximumAttempts;
  const counted = isLast ? `; this was try ${tries} of ${retry.maximumAttempts} since something was last saved` : '';
  return ApplicationFailure.create({
    type: ending,
    // Whole logs and stacks have no place in a history.
    message: (text.length > 1900 ? `${text.slice(0, 1900)}…` : text) + counted,
    nonRetryable: isLast || !isTriedAgain(ending),
    details: [attempt],
    ...(retry === null ? {} : { nextRetryDelay: waitMs(retry, tries) }),
  });
}

/** The ending as the ledger of attempts says it. */
export function nameOfEnding(error: unknown): string {
  if (error instanceof CancelledFailure || (error instanceof InterruptedError && error.by === 'cancel')) {
    return 'Cancelled';
  }
  return error instanceof ApplicationFailure ? (error.type ?? 'Crashed') : endingOf(error);
}
