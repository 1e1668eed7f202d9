import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { programFile } from '../../runtime/layout.ts';

/** What a writer does with its stage: changes of the manifest, or files of so many bytes, until it has done so many. */
export interface Writing {
  readonly root: string;
  readonly directory: string;
  readonly attempt: number;
  /** Names its changes apart from those of others. */
  readonly name: string;
  readonly commits: number;
  /** 0: changes without a file. */
  readonly bytes: number;
  /** Whether it claims the stage first; else it goes on under a claim of the same attempt. */
  readonly claims: boolean;
}

/** What a writer did: the number of the manifest after each of its commits, and what stopped it. */
const Written = z.object({ sequences: z.array(z.number()), error: z.string().nullable() });
export type Written = z.infer<typeof Written>;

/** A process that writes to a stage; it dies with the test. */
export function startWriter(
  writing: Writing,
  wrap: readonly string[] = [],
): { child: ChildProcess; done: Promise<Written> } {
  const program = programFile('test/support/store-writer-process.ts');
  const child = fork(program, [JSON.stringify(writing)], {
    execArgv: [],
    ...(wrap.length === 0 ? {} : { execPath: wrap[0], execArgv: wrap.slice(1) }),
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const done = once(child, 'message').then(([message]) => Written.parse(message));
  return { child, done };
}
