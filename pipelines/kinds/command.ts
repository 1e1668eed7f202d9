import { z } from 'zod';
import { Word } from '../words.ts';

/** `with` of `command`: any program under the same contract as ours, fenced, retried, its log and its outputs' hashes kept. */
export const CommandConfig = z.strictObject({
  /** The program and its arguments, run without a shell in the stage's own directory. */
  run: z.array(Word).min(1),
  /** Added to the worker's environment. The program also gets NAS_RESULTS (absolute) and NAS_STAGE (its directory below it). */
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/, 'expected the name of an environment variable'), Word).default({}),
  /** Files it promises, by name, relative to its directory: hashed when it ends, `${{ stages.<id>.files.<name> }}`. */
  outputs: z
    .record(
      z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_-]*$/, 'expected a name of letters, digits, _ and -'),
      z.string().regex(/^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$)).+$/, 'expected a path below the stage directory, without ..'),
    )
    .default({}),
  /**
   * So many seconds without a word on stdout or stderr, and it counts as stalled: it is killed and tried again. Null: it may
   * be silent for ever, and its time-out alone bounds it.
   */
  stall_seconds: z.number().positive().nullable().default(null),
});
