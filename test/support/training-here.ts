import { readFileSync } from 'node:fs';
import path from 'node:path';
import { readManifest } from '../../artifacts/results.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import type { Outputs, ProcessLine } from '../../nas/process/harness.ts';
import type { Message, Progress } from '../../nas/process/protocol.ts';
import { alone } from '../../nas/supernet/ranks.ts';
import type { TrainStandaloneConfig, TrainSupernetConfig } from '../../nas/training/config.ts';
import { trainStandalone } from '../../nas/training/train-standalone.ts';
import { trainSupernet } from '../../nas/training/train-supernet.ts';
import { claimFor, jobOf } from './stage-process.ts';

export const directory = 'run/stage';

/** What a training said and left behind. */
interface Training {
  readonly outputs: Outputs | 'stopped';
  readonly progress: readonly Progress[];
  readonly manifest: Manifest;
  /** The lines of its log; none before its first epoch is over. */
  readonly log: readonly Record<string, unknown>[];
}

interface Watch {
  /** Attempts count from 1; a further one goes on where the one before it ended. */
  readonly attempt?: number;
  /** Asked to stop from the first message on for which it holds. */
  readonly stopAt?: (message: Progress) => boolean;
  /** Called after each step. */
  readonly onTurn?: () => void;
}

/** Does the work of a training stage in this process, as a process of its own would, in the folder of results. */
export async function train(
  kind: 'train-supernet' | 'train-standalone',
  results: string,
  config: TrainSupernetConfig | TrainStandaloneConfig,
  { attempt = 1, stopAt = () => false, onTurn = () => undefined }: Watch = {},
): Promise<Training> {
  const job = jobOf(kind, results, directory, config, attempt);
  const stage = await claimFor(job);
  const progress: Progress[] = [];
  let isStopping = false;
  const line: ProcessLine = {
    cluster: null,
    stopRequested: () => isStopping,
    turn: async () => onTurn(),
    send(message: Message) {
      if (message.type !== 'progress') return;
      const whole = { version: 1, ...message } as const;
      progress.push(whole);
      isStopping ||= stopAt(whole);
    },
  };
  const work = kind === 'train-supernet' ? trainSupernet : trainStandalone;
  const outputs = await work(job, line, stage, alone);
  return { outputs, progress, manifest: (await readManifest(results, directory))!, log: logOf(results) };
}

function logOf(results: string): Record<string, unknown>[] {
  try {
    const text = readFileSync(path.join(results, directory, 'log.jsonl'), 'utf8');
    return text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}
