import { activityInfo, ApplicationFailure, CancelledFailure, log } from '@temporalio/activity';
import { claimStage, closeAttempt, commit } from '../artifacts/fence.ts';
import { JsonMap } from '../artifacts/json.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { placeOf, resultsRoot } from '../artifacts/paths.ts';
import type { Token } from '../artifacts/token.ts';
import { TrainerError } from '../nas/process/protocol.ts';
import { fingerprintOf } from '../pipelines/fingerprint.ts';
import { kinds } from '../pipelines/kinds/index.ts';
import type { JsonObject } from '../pipelines/plan.ts';
import type { StageInput, StageResult } from './contract.ts';
import { failure } from './endings.ts';
import { becauseSame, findFinished, resultOf } from './finished-work.ts';
import { PhaseClock } from './phase-clock.ts';
import { takeOver } from './take-over.ts';

/** One attempt at a stage that has claimed its folder. */
export interface StageAttempt {
  readonly input: StageInput;
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
    const config = checked(input);
    const fingerprint = fingerprintOf(input.uses, config);
    const done = await findFinished(root, input.directory, fingerprint);
    if (done !== null) return resultOf(done, root, attempt, done.reused?.why ?? becauseSame(input.directory));
    const folder = placeOf(root, input.directory);
    const token = tokenOf(input);
    const claimed = {
      input: { ...input, with: config },
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

// From the claim on, however the attempt ends stands in the ledger.
async function carryOut(attempt: StageAttempt, work: StageWork): Promise<Manifest> {
  const { root, input, token, phases } = attempt;
  try {
    if ((await takeOver(attempt)) !== null)
      return await closeAttempt(root, input.directory, token, { ending: 'reused', phases: null });
    const made = await work(attempt);
    const outputs = kinds.get(input.uses)?.hasEpochs === true ? null : made;
    await commit(root, input.directory, token, (manifest) => ({ ...manifest, state: 'done', outputs }));
    return await closeAttempt(root, input.directory, token, { ending: 'done', phases: phases.seconds() });
  } catch (error) {
    const known = errorOfStage(error, attempt.attempt);
    const end = { ending: endingOf(known), phases: phases.seconds() };
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
  if (!(error instanceof Error)) return failure('Crashed', String(error), attempt);
  if (error instanceof TrainerError) return failure(error.type, error.message, attempt);
  if (error.name === 'FencedError') return failure('Fenced', error.message, attempt);
  const isBadInput = ['PathError', 'ManifestError', 'SubnetListError', 'MergeError', 'RangeError'].includes(error.name);
  return failure(isBadInput ? 'BadInput' : 'Crashed', error.message, attempt);
}

function checked(input: StageInput): JsonObject {
  const kind = kinds.get(input.uses);
  const parsed = kind?.schema.safeParse(input.with);
  if (parsed?.success === true) return JsonMap.parse(parsed.data);
  const issues = parsed?.error.issues ?? [];
  const lines = issues.map(({ path, message }) => `${input.stage}.with.${path.join('.')}: ${message}`);
  throw new TrainerError('BadInput', lines.join('\n') || `${input.stage}: there is no kind ${input.uses}`);
}

function endingOf(error: Error): string {
  if (error instanceof CancelledFailure) return 'Cancelled';
  return error instanceof ApplicationFailure ? (error.type ?? 'Crashed') : 'Crashed';
}
