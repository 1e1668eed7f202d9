import { endingOf } from '../plan/endings.ts';
import path from 'node:path';
import { activityInfo, ApplicationFailure, CancelledFailure, log } from '@temporalio/activity';
import { failure } from './endings.ts';
import { PhaseClock } from './phase-clock.ts';
import { becauseSame, findFinished, resultOf, takeOver } from './reuse.ts';
import { runOf } from '../artifacts/catalogue.ts';
import { claimStage, closeAttempt, commit } from '../artifacts/fence.ts';
import { atomicPlace, atomicWrite, temporaryName } from '../artifacts/files.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { placeOf, resultsRoot } from '../artifacts/paths.ts';
import { sha256Of } from '../artifacts/stage-files.ts';
import type { StageFiles } from '../artifacts/stage-files.ts';
import type { Token } from '../artifacts/token.ts';
import { withPinnedLists } from '../nas/data/lists.ts';
import { fingerprintOf } from '../pipelines/fingerprint.ts';
import { kindOf } from '../pipelines/kinds/catalogue.ts';
import type { Task } from '../pipelines/kinds/kind.ts';
import type { StageInput, StageResult } from '../plan/results.ts';
import type { JsonObject } from '../plan/json.ts';

/** One attempt at a stage that has claimed its folder. */
export interface StageAttempt {
  /** `with` checked. */
  readonly input: StageInput;
  /** What does the work. */
  readonly runs: Task['runs'];
  /** Results root, absolute. */
  readonly root: string;
  /** The stage's folder, absolute. */
  readonly folder: string;
  readonly token: Token;
  readonly fingerprint: string;
  readonly attempt: number;
  /** `cpu`, `gpu:0` … */
  readonly device: string;
  /** Told by its process, for the ledger. */
  readonly phases: PhaseClock;
}

type StageWork = (attempt: StageAttempt) => Promise<JsonObject>;

/**
 * The frame around every kind of stage: bad input refused, finished work taken over from the manifest (the
 * stage's own, or another run's), the folder claimed, the end committed under the attempt's token, every error given the type that decides about retries.
 * `work` makes the outputs; for a kind with epochs they come with the choice, and what it returns is dropped.
 */
export async function performStage(input: StageInput, work: StageWork, device = 'cpu'): Promise<StageResult> {
  const { attempt } = activityInfo();
  const root = resultsRoot();
  try {
    const { config: planned, runs } = kindOf(input.uses).taskOf(input.with, `${input.stage}.with`);
    // A plan that was made where the images are not has no hashes of their lists.
    const config = withPinnedLists(planned);
    const fingerprint = fingerprintOf(input.uses, config);
    const done = await findFinished(root, input.directory, fingerprint);
    if (done !== null) return resultOf(done, root, attempt, done.reused?.why ?? becauseSame(input.directory));
    const folder = placeOf(root, input.directory);
    const token = tokenOf(input);
    const claimed = {
      input: { ...input, with: config },
      runs,
      root,
      folder,
      token,
      fingerprint,
      attempt,
      device,
      phases: new PhaseClock(),
    };
    await claim(claimed);
    const made = await carryOut(claimed, work);
    await nameAgain(claimed, made);
    return resultOf(made, root, attempt, made.reused?.why ?? null);
  } catch (error) {
    throw errorOfStage(error, attempt);
  }
}

async function claim({ input, root, token, fingerprint, device }: StageAttempt): Promise<void> {
  const environment = { node: process.version, platform: `${process.platform} ${process.arch}` };
  const queued = new Date(activityInfo().currentAttemptScheduledTimestampMs).toISOString();
  const { uses, directory, with: config } = input;
  await claimStage(root, directory, token, { uses, fingerprint, config, environment, device, queued });
}

/** Gives files the further names that their kind has for people, whether they were made or taken over. */
async function nameAgain({ input, root }: StageAttempt, { outputs }: Manifest): Promise<void> {
  for (const [name, file] of Object.entries(kindOf(input.uses).alsoNamed(outputs ?? {}))) {
    await atomicPlace(placeOf(root, file), placeOf(root, `${runOf(input.directory)}/${name}`));
  }
}

// From the claim on, however the attempt ends stands in the ledger.
async function carryOut(attempt: StageAttempt, work: StageWork): Promise<Manifest> {
  const { root, input, token, phases } = attempt;
  try {
    if ((await takeOver(attempt)) !== null)
      return await closeAttempt(root, input.directory, token, { ending: 'reused', phases: null });
    const made = await work(attempt);
    const outputs = kindOf(input.uses).hasEpochs ? null : made;
    await commit(root, input.directory, token, (manifest) => ({ ...manifest, state: 'done', outputs }));
    return await closeAttempt(root, input.directory, token, { ending: 'done', phases: phases.seconds() });
  } catch (error) {
    const known = errorOfStage(error, attempt.attempt);
    const end = { ending: nameOfEnding(known), phases: phases.seconds() };
    await closeAttempt(root, input.directory, token, end).catch((cause: unknown) => {
      log.warn('the end of the attempt could not be recorded', { cause: String(cause) });
    });
    throw known;
  }
}

/** The fencing token of the activity at hand. */
export function tokenOf({ stage, round }: StageInput): Token {
  const { workflowExecution, attempt } = activityInfo();
  const { workflowId = 'none', runId = 'none' } = workflowExecution ?? {};
  return { workflowId, runId, stage, round, attempt };
}

/** Gives an error the type of its ending. */
export function errorOfStage(error: unknown, attempt: number): Error {
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  return failure(endingOf(error), error instanceof Error ? error.message : String(error), attempt);
}

function nameOfEnding(error: Error): string {
  if (error instanceof CancelledFailure) return 'Cancelled';
  return error instanceof ApplicationFailure ? (error.type ?? 'Crashed') : 'Crashed';
}

/** What work in the worker itself may do with files. */
export function stageFilesOf({ root, input: { directory }, folder, token }: StageAttempt): StageFiles {
  return {
    root,
    directory,
    async put(texts) {
      const placements = await Promise.all(
        Object.entries(texts).map(async ([name, text]) => {
          const from = temporaryName(path.join(folder, name));
          await atomicWrite(from, text);
          return { name, from, to: `${directory}/${name}`, sha256: sha256Of(text) };
        }),
      );
      await commit(root, directory, token, (manifest) => manifest, placements);
      return Object.fromEntries(placements.map(({ name, to, sha256 }) => [name, { file: to, sha256 }]));
    },
  };
}
