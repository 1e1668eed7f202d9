import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { allocatorEnvironment } from '../runtime/machine.ts';

/** A program that repeats its work when it is told how often, and says what it took. */
export interface Runner<Answer> {
  readonly run: (times: number) => Promise<Answer>;
  readonly end: () => void;
}

/** Thread pools spin for a while after their work: whoever comes next waits until they rest. */
const REST_MS = 300;

/** Starts a program that answers each line on stdin (a number) with a line of JSON on stdout. */
export function startRunner<Answer>(
  command: string,
  arguments_: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Runner<Answer> {
  const child: ChildProcess = spawn(command, arguments_, {
    // Both sides alike.
    env: { ...process.env, ...allocatorEnvironment, ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    run: async (times) => {
      child.stdin!.write(`${times}\n`);
      const { value, done } = await lines.next();
      if (done === true)
        throw new Error(`${command} ${arguments_.join(' ')}: expected an answer, got its end; see above`);
      await sleep(REST_MS);
      const answer: Answer = JSON.parse(value);
      return answer;
    },
    end: () => child.stdin!.end(),
  };
}

/** Lets all runners take turns, `repetitions` times; what each answered, in order. */
export async function interleave<Answer>(
  runners: readonly Runner<Answer>[],
  repetitions: number,
  times = 1,
): Promise<Answer[][]> {
  const answers: Answer[][] = runners.map(() => []);
  for (let repetition = 0; repetition < repetitions; repetition++) {
    for (const [index, runner] of runners.entries()) answers[index]!.push(await runner.run(times));
  }
  return answers;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
