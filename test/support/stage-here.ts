import { readFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished, vi } from 'vitest';
import type { Manifest } from '../../artifacts/manifest.ts';
import { readManifest } from '../../artifacts/results.ts';
import { evaluatePart } from '../../nas/evaluation/part.ts';
import { searchSubnets } from '../../nas/evaluation/search/search.ts';
import { zeroCostScores } from '../../nas/evaluation/zero-cost/score.ts';
import type { Outputs, ProcessLine } from '../../nas/process/harness.ts';
import type { Job, Message, Progress } from '../../nas/process/protocol.ts';
import { alone } from '../../nas/supernet/ranks.ts';
import { trainStandalone } from '../../nas/training/train-standalone.ts';
import { trainSupernet } from '../../nas/training/train-supernet.ts';
import { claimFor, jobOf } from './stage-process.ts';

export const directory = 'run/stage';

const works = {
  'train-supernet': async (...[job, line, stage]) => await trainSupernet(job, line, stage, alone),
  'train-standalone': async (...[job, line, stage]) => await trainStandalone(job, line, stage, alone),
  'evaluate-subnets': evaluatePart,
  'search-subnets': searchSubnets,
  'zero-cost-scores': zeroCostScores,
} satisfies Record<
  string,
  (job: Job, line: ProcessLine, stage: Awaited<ReturnType<typeof claimFor>>) => Promise<Outputs | 'stopped'>
>;

/** What a stage said and left behind. */
export interface Done {
  readonly outputs: Outputs | 'stopped';
  readonly progress: readonly Progress[];
  readonly manifest: Manifest;
  /** The lines of its log; none where it keeps none. */
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

/** Does the work of a stage in this process, as a process of its own would, in the folder of results. */
export async function doHere(
  kind: keyof typeof works,
  results: string,
  config: object,
  { attempt = 1, stopAt = () => false, onTurn = () => undefined }: Watch = {},
): Promise<Done> {
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
  const outputs = await works[kind](job, line, stage);
  return { outputs, progress, manifest: (await readManifest(results, directory))!, log: logOf(results) };
}

function logOf(results: string): Record<string, unknown>[] {
  try {
    return textIn(results, 'log.jsonl')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}

/** A file of the stage. */
export function textIn(results: string, name: string): string {
  return readFileSync(path.join(results, directory, name), 'utf8');
}

/** A test of subnets looks every 50 ms whether it is to stop: until the end of this test, at every step. */
export function withSlowClock(): void {
  let now = performance.now();
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 60));
  onTestFinished(() => void vi.restoreAllMocks());
}
