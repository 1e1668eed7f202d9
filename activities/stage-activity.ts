import { activityInfo, ApplicationFailure, CancelledFailure, log } from '@temporalio/activity';
import { failure } from './endings.ts';
import { PhaseClock } from './phase-clock.ts';
import { runOf } from '../artifacts/catalogue.ts';
import { filesOf } from '../artifacts/manifest.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { resultsRoot } from '../artifacts/paths.ts';
import { openStore } from '../artifacts/results.ts';
import { byHash, choicesOf, decide, takeOver } from '../artifacts/reuse.ts';
import type { Decision } from '../artifacts/reuse.ts';
import { HeldStage, replaced } from '../artifacts/stage.ts';
import type { ArtifactStore } from '../artifacts/store.ts';
import type { Token } from '../artifacts/token.ts';
import { withPinnedLists } from '../nas/data/lists.ts';
import { fingerprintOf } from '../pipelines/fingerprint.ts';
import { kindOf } from '../pipelines/kinds/catalogue.ts';
import type { Task } from '../pipelines/kinds/kind.ts';
import { BadInput, endingOf } from '../plan/endings.ts';
import type { JsonObject } from '../plan/json.ts';
import type { StageInput, StageResult } from '../plan/results.ts';
import { here } from '../runtime/machine.ts';

/** One attempt at a stage that it has claimed. */
export interface StageAttempt {
  /** `with` checked. */
  readonly input: StageInput;
  /** What does the work. */
  readonly runs: Task['runs'];
  readonly stage: HeldStage;
  /** Where its process works, absolute. */
  readonly folder: string;
  readonly attempt: number;
  /** `cpu`, `gpu:0` … */
  readonly device: string;
  /** Told by its process, for the ledger. */
  readonly phases: PhaseClock;
}

type StageWork = (attempt: StageAttempt) => Promise<JsonObject>;

/**
 * The frame around every kind of stage: bad input refused, finished work taken over (the stage's own, or another run's),
 * the stage claimed, the end committed under the attempt's token, every error given the type that decides about retries.
 * `work` makes the outputs; for a kind with epochs they come with the choice, and what it returns is dropped.
 */
export async function performStage(input: StageInput, work: StageWork, device = 'cpu'): Promise<StageResult> {
  const { attempt } = activityInfo();
  try {
    const { config: planned, runs } = kindOf(input.uses).taskOf(input.with, `${input.stage}.with`);
    // A plan that was made where the images are not has no hashes of their lists.
    const config = withPinnedLists(planned);
    const store = openStore(resultsRoot());
    const fingerprint = fingerprintOf(input.uses, config);
    const decision = await decisionOn(store, input, fingerprint, device);
    if (decision.to === 'keep') {
      await store.remember(fingerprint, input.directory);
      return await resultOf(store, decision.manifest, attempt, decision.why);
    }
    if (decision.to === 'refuse') throw new BadInput(`${input.stage}: ${decision.why}; start from an earlier stage`);
    const stage = await HeldStage.claim(store, input.directory, tokenOf(input), {
      uses: input.uses,
      fingerprint,
      config,
      environment: here(),
      device,
      queued: new Date(activityInfo().currentAttemptScheduledTimestampMs).toISOString(),
    });
    const folder = await store.workFolder(input.directory);
    const claimed = {
      input: { ...input, with: config },
      runs,
      stage,
      folder,
      attempt,
      device,
      phases: new PhaseClock(),
    };
    const made = await carryOut(claimed, decision, work);
    await store.remember(made.fingerprint, input.directory);
    return await resultOf(store, made, attempt, made.reused?.why ?? null);
  } catch (error) {
    throw errorOfStage(error, attempt);
  }
}

async function decisionOn(
  store: ArtifactStore,
  { uses, directory, reuse = 'anything' }: StageInput,
  fingerprint: string,
  device: string,
): Promise<Decision> {
  const own = await store.read(directory);
  if (own !== null) await store.complete(directory, own);
  const isReusable = kindOf(uses).anewBecause === null;
  return await decide(store, { uses, directory, fingerprint, reuse, isReusable, here: here(device) }, byHash());
}

// From the claim on, however the attempt ends stands in the ledger.
async function carryOut(attempt: StageAttempt, decision: Decision, work: StageWork): Promise<Manifest> {
  const { input, stage, phases } = attempt;
  try {
    if (decision.to === 'take over') {
      await takeOver(stage, decision.from, decision.why);
      await nameAlso(attempt, stage.manifest.outputs);
      return await stage.end({ ending: 'reused', phases: null });
    }
    const made = await work(attempt);
    await nameAlso(attempt, made);
    const outputs = kindOf(input.uses).hasEpochs ? null : made;
    return await stage.end({ ending: 'done', phases: phases.seconds() }, { state: 'done', outputs });
  } catch (error) {
    const known = errorOfStage(error, attempt.attempt);
    await stage.end({ ending: nameOfEnding(known), phases: phases.seconds() }).catch((cause: unknown) => {
      log.warn('the end of the attempt could not be recorded', { cause: String(cause) });
    });
    throw known;
  }
}

/** Gives files the further names that their kind has for people, whether they were made or taken over. */
async function nameAlso({ input, stage }: StageAttempt, outputs: JsonObject | null): Promise<void> {
  const names = Object.entries(kindOf(input.uses).alsoNamed(outputs ?? {}));
  const copies = names.flatMap(([name, file]) => {
    const copyOf = filesOf(stage.manifest).find((one) => one.file === file);
    return copyOf === undefined ? [] : [{ file: `${runOf(stage.directory)}/${name}`, copyOf }];
  });
  if (copies.length === 0) return;
  await stage.commit(copies, (manifest, files) => ({ ...manifest, extras: replaced(manifest.extras, files) }));
}

/** What a finished stage gives to the workflow. `reused` says why nothing was done, if nothing was. */
async function resultOf(
  store: ArtifactStore,
  manifest: Manifest,
  attempt: number,
  reused: string | null,
): Promise<StageResult> {
  const { epochs, outputs, selection } = manifest;
  if (epochs.length === 0) return { outputs, choices: null, chosen: null, attempt, reused };
  const choices = await choicesOf(store, manifest);
  const isPersons = selection?.by === 'person' && choices.some(({ epoch }) => epoch === selection.epoch);
  const chosen = isPersons
    ? { epoch: selection.epoch, by: selection.by, who: selection.who, why: selection.why }
    : null;
  return { outputs: null, choices, chosen, attempt, reused };
}

/** The fencing token of the activity at hand. */
export function tokenOf({ stage, round }: StageInput): Token {
  const { workflowExecution, attempt, currentAttemptScheduledTimestampMs: scheduled } = activityInfo();
  const { workflowId = 'none', runId = 'none' } = workflowExecution ?? {};
  return { workflowId, runId, stage, round, attempt, scheduled };
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
