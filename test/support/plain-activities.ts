import { activityInfo, ApplicationFailure, cancelled, heartbeat } from '@temporalio/activity';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Choice } from '../../plan/choice.ts';
import type { SelectInput, StageInput, StageResult } from '../../plan/results.ts';
import type { JsonObject } from '../../plan/json.ts';

const nothing = { outputs: null, choices: null, chosen: null, attempt: 1, reused: null };

function result(outputs: JsonObject): StageResult {
  return { ...nothing, outputs };
}

function choice(epoch: number, tau: number): Choice {
  return { epoch, tau, interval: [tau - 0.1, tau + 0.1] };
}

const calls: { run: string; stage: string; at: 'begin' | 'end' }[] = [];
const failures = new Map<string, number>();
const called = new Set<string>();

function isFirstCall(directory: string): boolean {
  if (called.has(directory)) return false;
  called.add(directory);
  return true;
}

/** Kinds of work that do nothing but what the interpreter has to cope with. */
export const plainActivities = {
  /** Gives its `with` back, after `ms`, and not before the stage `beside` has begun. */
  async echo(input: StageInput): Promise<StageResult> {
    // Other files of tests are in this process, too, and have stages of the same names.
    const [run = ''] = input.directory.split('/');
    const { stage } = input;
    calls.push({ run, stage, at: 'begin' });
    await new Promise((resolve) => setTimeout(resolve, Number(input.with['ms'] ?? 0)));
    const { beside } = input.with;
    const hasBegun = (): boolean => calls.some((call) => call.run === run && call.stage === beside);
    if (beside !== undefined) while (!hasBegun()) await sleep(10);
    calls.push({ run, stage, at: 'end' });
    return result({ value: input.with['value'] ?? null, directory: input.directory, round: input.round });
  },
  /** Fails while `with.fails` says so for its directory. */
  async brittle(input: StageInput): Promise<StageResult> {
    const failed = failures.get(input.directory) ?? 0;
    if (failed < Number(input.with['fails'])) {
      failures.set(input.directory, failed + 1);
      const { attempt } = activityInfo();
      throw ApplicationFailure.create({
        type: 'Crashed',
        message: `failure ${failed + 1}`,
        // As the real frame does where nothing is ever saved.
        nonRetryable: attempt >= (input.retry?.maximumAttempts ?? Infinity),
        details: [attempt],
      });
    }
    return result({ value: input.with['value'] ?? 'mended', round: input.round });
  },
  /** Three epochs, the last two equally good. */
  async epochs(): Promise<StageResult> {
    return { ...nothing, choices: [choice(0, 0.4), choice(1, 0.6), choice(2, 0.6)] };
  },
  /** As `epochs`, with the first of them chosen by a person long ago. */
  async 'chosen-before'(): Promise<StageResult> {
    return { ...(await plainActivities.epochs()), chosen: { epoch: 0, by: 'person', who: 'bob', why: '' } };
  },
  /** Was there already. */
  async reused({ directory }: StageInput): Promise<StageResult> {
    return { ...result({ value: null }), reused: `other/${directory}` };
  },
  /** Refuses what `with.refuses` says, and fails at first where `with.breaks`. */
  async 'select-epoch'({ chosen, directory, with: config }: SelectInput): Promise<StageResult> {
    if (config['breaks'] === 1 && isFirstCall(directory)) {
      throw ApplicationFailure.nonRetryable('the disk is full', 'Crashed', 1);
    }
    if (chosen.epoch === config['refuses']) {
      throw ApplicationFailure.nonRetryable(`expected the supernet of epoch ${chosen.epoch}, got none`, 'BadInput', 1);
    }
    return result({ selected: { file: `${directory}/${chosen.epoch}.safetensors`, ...chosen } });
  },
  /** Gives no epochs when it is first called for a directory, then as `epochs`. */
  async forgetful({ directory }: StageInput): Promise<StageResult> {
    if (isFirstCall(directory)) return { ...nothing, choices: [] };
    return await plainActivities.epochs();
  },
  /** Gives an epoch whose tau is no number. */
  async confused(): Promise<StageResult> {
    return { ...nothing, choices: JSON.parse('[{ "epoch": 0, "tau": "high", "interval": null }]') };
  },
  /** Works until it is stopped when it is first called for a directory. */
  async endless(input: StageInput): Promise<StageResult> {
    if (!isFirstCall(input.directory)) return result({ value: `round ${input.round}` });
    const beat = setInterval(() => heartbeat({ step: 1 }), 100);
    try {
      return await cancelled();
    } finally {
      clearInterval(beat);
    }
  },
};

/** The order in which `echo` began and ended, of the stages of a run. */
export function callsOf(id: string): string[] {
  return calls.filter(({ run }) => run === id).map(({ stage, at }) => `${at} ${stage}`);
}
