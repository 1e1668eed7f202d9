import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { openStore } from '../../artifacts/results.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { Job, TrainerMessage } from '../../nas/process/protocol.ts';
import { programFile } from '../../runtime/layout.ts';

/** A real stage process under the test's hand; killed with the test. */
export interface StageProcess {
  readonly child: ChildProcess;
  /** All it said so far, checked against the protocol. */
  readonly messages: TrainerMessage[];
  /** The first message that fits, now or later; fails when the process ends without it. */
  when(fits: (message: TrainerMessage) => boolean): Promise<TrainerMessage>;
  readonly ended: Promise<{
    readonly code: number | null;
    readonly signal: NodeJS.Signals | null;
    readonly log: string;
  }>;
}

/** Claims a job's stage, as a worker does before it starts the process. */
export async function claimFor({ results, directory, token, kind, fingerprint }: Job): Promise<HeldStage> {
  const claim = { uses: kind, fingerprint, config: {}, device: 'cpu', queued: new Date().toISOString() };
  return await HeldStage.claim(openStore(results), directory, token, claim);
}

/** Claims the stage of `job`, if it is a job, and starts `program` (relative to the project's root) on it, with more environment. */
export async function startStage(
  program: string,
  job: unknown,
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<StageProcess> {
  const claimed = Job.safeParse(job);
  if (claimed.success) await claimFor(claimed.data);
  const file = path.join(folder, `job-${Math.random().toString(36).slice(2)}.json`);
  writeFileSync(file, JSON.stringify(job));
  const child = fork(programFile(program), [file], {
    execArgv: [],
    env: { ...process.env, ...environment },
    silent: true,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const messages: TrainerMessage[] = [];
  child.on('message', (message) => messages.push(TrainerMessage.parse(message)));
  let log = '';
  const streams = [child.stdout!, child.stderr!];
  for (const stream of streams) stream.on('data', (chunk: Buffer) => (log += chunk.toString()));
  // Not 'close': it never comes for a child that was disconnected.
  const exited = once(child, 'exit');
  const ended = Promise.all(streams.map((stream) => once(stream, 'close'))).then(async () => {
    await exited;
    return { code: child.exitCode, signal: child.signalCode, log };
  });
  const when = (fits: (message: TrainerMessage) => boolean): Promise<TrainerMessage> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = messages.find(fits);
        if (found) resolve(found);
      };
      child.on('message', look);
      look();
      void ended.then(() => reject(new Error(`the process ended before it said so; its log:\n${log}`)));
    });
  return { child, messages, when, ended };
}

/** A job that holds its stage by attempt number. */
export function jobOf(kind: Job['kind'], results: string, directory: string, config: object, attempt = 1): Job {
  return {
    version: 1,
    kind,
    token: { workflowId: 'tiny', runId: 'r1', stage: directory, round: 1, attempt },
    results,
    directory,
    fingerprint: 'f'.repeat(64),
    threads: 1,
    with: { ...config },
  };
}
