import { z } from 'zod';
import { Word } from '../words.ts';

/** `with` of `command`: any program under the same contract as ours, fenced, retried, its log and its outputs' hashes kept. */
export const CommandConfig = z.strictObject({
  run: z
    .array(Word)
    .min(1)
    .meta({ description: "The program and its arguments, run without a shell in the stage's own directory." }),
  env: z
    .record(z.string().regex(/^[A-Za-z_]\w*$/, 'expected the name of an environment variable'), Word)
    .default({})
    .meta({
      description:
        "Added to the worker's environment. The program also gets NAS_RESULTS (absolute) and NAS_STAGE (its directory below it).",
    }),
  outputs: z
    .record(
      z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_-]*$/, 'expected a name of letters, digits, _ and -'),
      z.string().regex(/^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$)).+$/, 'expected a path below the stage directory, without ..'),
    )
    .default({})
    .meta({
      description:
        'Files it promises, by name, relative to its directory: hashed when it ends, and then `${{ stages.<id>.files.<name> }}`.',
    }),
  stall_seconds: z.number().positive().nullable().default(null).meta({
    description:
      'So long without a word on stdout or stderr, and it counts as stalled: it is killed and tried again. Null: its time-out alone bounds it.',
    unit: 'seconds',
  }),
});
