import type { Retry } from './plan.ts';

/** How an attempt at a stage ends without a result; each end says by itself what follows. */
export const endings = {
  /** The input is wrong: the same again gives the same, so the stage parks. */
  BadInput: 'parks',
  NaNLoss: 'parks',
  /** Another attempt holds the stage: this one has nothing more to say. */
  Fenced: 'parks',
  OutOfMemory: 'is tried again',
  Stalled: 'is tried again',
  Crashed: 'is tried again',
  /** An operator, or a server that gave the attempt up. */
  Interrupted: 'is tried again',
  /** The worker left on purpose, behind a checkpoint: another one goes on at once, and no attempt is used up. */
  WorkerShutdown: 'moves on',
} as const satisfies Record<string, 'parks' | 'is tried again' | 'moves on'>;

export type Ending = keyof typeof endings;

/** Whether a further attempt may end otherwise. */
export function isTriedAgain(ending: Ending): boolean {
  return endings[ending] === 'is tried again';
}

/** Those after which the server must not try again: it would only repeat them, or the workflow answers them itself. */
export const endsForGood: readonly string[] = Object.entries(endings).flatMap(([name, follows]) =>
  follows === 'is tried again' ? [] : [name],
);

const LONGEST_WAIT_MS = 5 * 60_000;

/** Waiting longer than that between two attempts helps nobody, unless a stage asks for more at once. */
export function longestWaitMs({ initialIntervalMs }: Retry): number {
  return Math.max(LONGEST_WAIT_MS, initialIntervalMs);
}

/** How long to wait for the next attempt, after so many that saved nothing; one that saved something counts as none. */
export function waitMs(retry: Retry, tries: number): number {
  const wait = retry.initialIntervalMs * retry.backoffCoefficient ** (Math.max(1, tries) - 1);
  return Math.min(wait, longestWaitMs(retry));
}

/** An error whose message is all that a person needs (`where: expected …, got …; what to do`), and that knows its ending. */
export class KnownError extends Error {
  readonly ending: Ending;

  constructor(ending: Ending, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.ending = ending;
  }
}

/** How a stage ends with that error; `Crashed` where nothing says so. */
export function endingOf(error: unknown): Ending {
  if (error instanceof KnownError) return error.ending;
  return error instanceof Error && isOutOfMemory(error.message) ? 'OutOfMemory' : 'Crashed';
}

// On a card the first thing to find no room is often a convolution's work space, and every library has its own word for it.
const NO_MEMORY =
  /\bbad_alloc\b|\bENOMEM\b|Array buffer allocation failed|OOM when allocating|out of memory|OUT_OF_MEMORY|STATUS_ALLOC_FAILED/i;

/** Whether a library's words mean that it found no memory. */
export function isOutOfMemory(message: string): boolean {
  return NO_MEMORY.test(message);
}

/** Something that was given is wrong. */
export class BadInput extends KnownError {
  constructor(message: string, options?: ErrorOptions) {
    super('BadInput', message, options);
  }
}

const SHOWN = 20;

/** Throws all problems as one BadInput, the first of them in words; does nothing where there is none. */
export function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return;
  const more = problems.length > SHOWN ? [`… and ${problems.length - SHOWN} more`] : [];
  throw new BadInput([...problems.slice(0, SHOWN), ...more].join('\n'));
}

/** A file that the system could not read (`EIO`, `ESTALE`, `ENOENT` …). It may at another time, so the stage is tried again. */
export class FileFault extends KnownError {
  /** What the system said. */
  readonly reason: string;

  constructor(file: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super('Crashed', `${file}: expected a file that can be read, got ${reason}; check that it is there, and its disk`, {
      cause,
    });
    this.reason = reason;
  }
}

/** Whether `error` is the operating system's error of that code, such as `ENOENT`. */
export function isErrno(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** Whether a server's words say that it does not know who asks, or does not allow what is asked. */
export function isRefusal(said: string): boolean {
  return /permission.?denied|unauthenticated|unauthori[sz]ed/i.test(said);
}
