import { activityInfo, ApplicationFailure, CancelledFailure, log } from '@temporalio/activity';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { sha256File } from '../artifacts/atomic-write.ts';
import { claimStage, closeAttempt, commit } from '../artifacts/fence.ts';
import { JsonMap } from '../artifacts/json.ts';
import { readManifest } from '../artifacts/manifest.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { placeOf, resultsRoot } from '../artifacts/paths.ts';
import type { Token } from '../artifacts/token.ts';
import { TrainerError } from '../nas/process/protocol.ts';
import { fingerprintOf } from '../pipelines/fingerprint.ts';
import { kinds } from '../pipelines/kinds/index.ts';
import type { Json, JsonObject } from '../pipelines/plan.ts';
import type { Choice } from '../workflows/messages.ts';
import type { StageInput, StageResult } from './contract.ts';
import { failure } from './endings.ts';

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
}

type Outputs = JsonObject;

/**
 * The frame around every kind of stage: bad input refused, finished work taken over from the manifest, the folder
 * claimed, the end committed under the attempt's token, every error given the type that decides about retries.
 * `work` makes the outputs; for a kind with epochs they come with the choice, and what it returns is dropped.
 */
export async function performStage(
  input: StageInput,
  work: (attempt: StageAttempt) => Promise<Outputs>,
  device = 'cpu',
): Promise<StageResult> {
  const { attempt, currentAttemptScheduledTimestampMs } = activityInfo();
  const root = resultsRoot();
  const token = tokenOf(input);
  try {
    const config = checked(input);
    const fingerprint = fingerprintOf(input.uses, config);
    const done = await finished(root, input, fingerprint);
    if (done !== null) return resultOf(done, root, attempt, `${input.directory} has the same fingerprint`);
    const folder = placeOf(root, input.directory);
    await mkdir(folder, { recursive: true });
    const queued = new Date(currentAttemptScheduledTimestampMs).toISOString();
    const environment = { node: process.version, platform: `${process.platform}-${process.arch}` };
    await claimStage(root, input.directory, token, {
      uses: input.uses,
      fingerprint,
      config,
      environment,
      device,
      queued,
    });
    const outputs = await work({
      input: { ...input, with: config },
      root,
      folder,
      token,
      fingerprint,
      attempt,
      device,
    });
    const hasEpochs = kinds.get(input.uses)?.hasEpochs === true;
    const manifest = await commit(root, input.directory, token, (m) => ({
      ...m,
      state: 'done',
      outputs: hasEpochs ? null : outputs,
    }));
    await closeAttempt(root, input.directory, token, 'done');
    return resultOf(manifest, root, attempt, null);
  } catch (error) {
    const known = errorOfStage(error, attempt);
    await closeAttempt(root, input.directory, token, endingOf(known)).catch((cause: unknown) => {
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

/** Epochs a person or a rule may choose: those whose supernet is there. */
export function choicesOf(manifest: Manifest, root: string): Choice[] {
  const there = manifest.epochs.filter(({ file }) => file !== null && existsSync(placeOf(root, file)));
  return there.map(({ epoch, tau, interval }) => ({ key: epoch, score: tau, interval }));
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

// Done, and its files still as they were: a stage whose results were deleted or damaged is made anew.
async function finished(root: string, input: StageInput, fingerprint: string): Promise<Manifest | null> {
  const manifest = await readManifest(root, input.directory);
  if (manifest?.state !== 'done' || manifest.fingerprint !== fingerprint) return null;
  if (manifest.epochs.length > 0) return choicesOf(manifest, root).length > 0 ? manifest : null;
  const files = filesOf(manifest.outputs ?? {});
  const hashes = files.map(
    async ({ file, sha256 }) => sha256 === (await sha256File(placeOf(root, file)).catch(() => '')),
  );
  return (await Promise.all(hashes)).every(Boolean) ? manifest : null;
}

// Outputs name a file beside its sha256, and the files of a ranking beside the map of theirs.
function filesOf(value: Json): { file: string; sha256: Json }[] {
  if (typeof value !== 'object' || value === null) return [];
  const entries = new Map<string, Json>(Object.entries(value));
  const sha256 = entries.get('sha256');
  const named = typeof sha256 === 'object' && sha256 !== null ? Object.entries(sha256) : [['file', sha256] as const];
  const files = named.flatMap(([name, hash]) => {
    const file = entries.get(name);
    return typeof file === 'string' && hash !== undefined ? [{ file, sha256: hash }] : [];
  });
  return [...files, ...[...entries.values()].flatMap(filesOf)];
}

function resultOf(manifest: Manifest, root: string, attempt: number, reused: string | null): StageResult {
  if (manifest.epochs.length === 0) {
    return { outputs: manifest.outputs, choices: null, chosen: null, attempt, reused };
  }
  const { selection } = manifest;
  const choices = choicesOf(manifest, root);
  const isPersons = selection?.by === 'person' && choices.some(({ key }) => key === selection.epoch);
  const chosen = isPersons
    ? { epoch: selection.epoch, by: selection.by, who: selection.who, why: selection.why }
    : null;
  return { outputs: null, choices, chosen, attempt, reused };
}

function endingOf(error: Error): string {
  if (error instanceof CancelledFailure) return 'Cancelled';
  return error instanceof ApplicationFailure ? (error.type ?? 'Crashed') : 'Crashed';
}
