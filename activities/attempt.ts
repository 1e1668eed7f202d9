import { activityInfo, ApplicationFailure, Context, log } from '@temporalio/activity';
import { failureOf, InterruptedError, nameOfEnding } from './endings.ts';
import type { Interruption } from './endings.ts';
import { PhaseClock, placeOf } from './progress.ts';
import { runOf } from '../artifacts/catalogue.ts';
import { triesInVain } from '../artifacts/ledger.ts';
import { filesOf } from '../artifacts/manifest.ts';
import type { Attempt, Manifest } from '../artifacts/manifest.ts';
import { resultsRoot } from '../artifacts/paths.ts';
import { openStore } from '../artifacts/results.ts';
import { byHash, byName, choicesOf, decide, takeOver } from '../artifacts/reuse.ts';
import type { Decision, Wanted } from '../artifacts/reuse.ts';
import { HeldStage, replaced } from '../artifacts/stage.ts';
import type { ArtifactStore } from '../artifacts/store.ts';
import type { Token } from '../artifacts/token.ts';
import { withPinnedLists } from '../nas/data/lists.ts';
import { Progress } from '../nas/process/protocol.ts';
import { fingerprintOf, wentOnBecause } from '../pipelines/fingerprint.ts';
import { kindOf } from '../pipelines/kinds/catalogue.ts';
import type { Task } from '../pipelines/kinds/kind.ts';
import { BadInput } from '../plan/endings.ts';
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
  /** `cpu`, `gpu:0` …; one for each of its processes. */
  readonly devices: readonly string[];
  /** Told by its process, for the ledger. */
  readonly phases: PhaseClock;
  /** Gives heartbeats their details from now on: how far the work is. */
  readonly report: (progress: unknown) => void;
}

type StageWork = (attempt: StageAttempt) => Promise<JsonObject>;

/**
 * The frame around every kind of stage: bad input refused, finished work taken over (the stage's own, or another run's),
 * the stage claimed, the end committed under the attempt's token, every error given the type that decides about retries.
 * `work` makes the outputs; for a kind with epochs they come with the choice, and what it returns is dropped.
 */
export async function performStage(
  input: StageInput,
  work: StageWork,
  devices: readonly string[] = ['cpu'],
): Promise<StageResult> {
  const device = devices.join();
  const { attempt } = activityInfo();
  const token = tokenOf(input);
  let ledger: readonly Attempt[] = [];
  return await withHeartbeats(async (report) => {
    const { config: planned, runs } = kindOf(input.uses).taskOf(input.with, `${input.stage}.with`);
    // A plan that was made where the images are not has no hashes of their lists.
    const config = withPinnedLists(planned);
    const fingerprint = fingerprintOf(input.uses, config);
    const store = openStore(resultsRoot());
    await probed(store);
    const before = await store.read(input.directory);
    ledger = before?.attempts ?? [];
    if (before !== null) await store.complete(input.directory, before);
    const goesOn = (found: Manifest): string | null => wentOnBecause(input.uses, found, config);
    const decision = await decisionOn(store, input, { fingerprint, goesOn }, device);
    if (decision.to === 'keep') {
      await store.remember(fingerprint, input.directory);
      return await resultOf(store, decision.manifest, attempt, decision.why);
    }
    if (decision.to === 'refuse') throw new BadInput(`${input.stage}: ${decision.why}; start from an earlier stage`);
    refuseHopeless(input, token, ledger);
    const stage = await HeldStage.claim(store, input.directory, token, {
      uses: input.uses,
      fingerprint,
      config,
      goesOn,
      environment: here(),
      ...(input.origin === undefined ? {} : { origin: input.origin }),
      device,
      queued: new Date(activityInfo().currentAttemptScheduledTimestampMs).toISOString(),
    });
    const folder = await store.workFolder(input.directory);
    const claimed = {
      input: { ...input, with: config },
      runs,
      stage,
      folder,
      devices,
      phases: new PhaseClock(),
      report,
    };
    const working = withKeptLogs(stage, async () => await carryOut(claimed, decision, work));
    const made = await working.finally(() => (ledger = stage.manifest.attempts));
    await store.remember(made.fingerprint, input.directory);
    return await resultOf(store, made, attempt, made.reused?.why ?? null);
  }).catch((error: unknown) => {
    throw failureOf(error, { attempt, tries: triesInVain(ledger, token), retry: input.retry ?? null });
  });
}

const EVERY_MS = 2000;

/**
 * Runs the body of an activity with heartbeats all the while, whatever it is at: a lost worker is noticed soon, and
 * nothing else is taken for one. The server's wish to end it becomes an InterruptedError.
 */
export async function withHeartbeats<T>(body: (report: (progress: unknown) => void) => Promise<T>): Promise<T> {
  const context = Context.current();
  const { heartbeatTimeoutMs = Infinity } = context.info;
  let details: unknown = null;
  const beat = (): void => context.heartbeat(details);
  const timer = setInterval(beat, Math.min(EVERY_MS, heartbeatTimeoutMs / 4));
  beat();
  try {
    return await body((progress) => {
      details = progress;
      beat();
    });
  } catch (error) {
    const isAborted = error instanceof Error && error.name === 'AbortError';
    if (!isAborted || !context.cancellationSignal.aborted) throw error;
    throw new InterruptedError(interruptionOf(context), 'nothing was begun');
  } finally {
    clearInterval(timer);
  }
}

/** Why the server, or the worker, wants an activity to end. */
export function interruptionOf({ cancellationDetails: details }: Context): Interruption {
  if (details?.timedOut === true || details?.notFound === true) return 'lost';
  if (details?.workerShutdown === true) return 'shutdown';
  if (details?.paused === true || details?.reset === true) return 'operator';
  return 'cancel';
}

const stores = new WeakSet<ArtifactStore>();

/** Tries a store out, the first time that this worker uses it. */
async function probed(store: ArtifactStore): Promise<void> {
  if (stores.has(store)) return;
  await store.probe();
  stores.add(store);
}

async function decisionOn(
  store: ArtifactStore,
  { uses, directory, reuse = 'anything' }: StageInput,
  work: Pick<Wanted, 'fingerprint' | 'goesOn'>,
  device: string,
): Promise<Decision> {
  const isReusable = kindOf(uses).anewBecause === null;
  const wanted = { uses, directory, ...work, reuse, isReusable, here: here(device) };
  const check = store.isFar ? byName : byHash(Context.current().cancellationSignal);
  return await decide(store, wanted, check);
}

// A worker that dies, or is given up by the server, cannot count its tries: the next attempt does.
function refuseHopeless({ stage, retry }: StageInput, token: Token, ledger: readonly Attempt[]): void {
  const before = triesInVain(ledger, token) - 1;
  if (retry === undefined || before < retry.maximumAttempts) return;
  const { attempt, heartbeatDetails } = activityInfo();
  const seen = Progress.safeParse(heartbeatDetails);
  const known = [
    lastOf(ledger),
    ...(seen.success ? [`it was at ${placeOf(seen.data)} when it was last heard of`] : []),
  ];
  const message = `${stage}: expected it to get on, got ${before} tries in a row that saved nothing; ${known.join('; ')}; look at that machine, then retry the stage`;
  throw ApplicationFailure.create({ type: 'Crashed', message, nonRetryable: true, details: [attempt] });
}

function lastOf(ledger: readonly Attempt[]): string {
  const last = ledger.at(-1);
  if (last === undefined) return 'none of them claimed the stage';
  const { currentAttemptScheduledTimestampMs: next, startToCloseTimeoutMs: most } = activityInfo();
  const ran = (last.ended === null ? next : Date.parse(last.ended)) - Date.parse(last.started);
  const how = last.ending ?? 'no word, as when its worker is killed';
  return `the last one ran on ${last.host} (${last.device}, process ${last.pid}) for ${seconds(ran)} of at most ${seconds(most)} and ended with ${how}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
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
    await stage.end({ ending: nameOfEnding(error), phases: phases.seconds() }).catch((cause: unknown) => {
      log.warn('the end of the attempt could not be recorded', { cause: String(cause) });
    });
    throw error;
  }
}

const KEEP_LOGS_EVERY_MS = 60_000;

/** Keeps the stage's logs where others find them, now and then while they grow, and at the end. */
async function withKeptLogs<T>({ store, directory }: HeldStage, body: () => Promise<T>): Promise<T> {
  const keep = async (): Promise<void> => {
    await store.keepLogs(directory).catch((error: unknown) => {
      log.warn('the logs of the stage could not be kept in the store', { cause: String(error) });
    });
  };
  const keeping = setInterval(() => void keep(), KEEP_LOGS_EVERY_MS);
  try {
    return await body();
  } finally {
    clearInterval(keeping);
    await keep();
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
  const { epochs, outputs, selection, notices } = manifest;
  const result = { attempt, reused, ...(notices.length > 0 ? { notices } : {}) };
  if (epochs.length === 0) return { ...result, outputs, choices: null, chosen: null };
  const choices = await choicesOf(store, manifest);
  const isPersons = selection?.by === 'person' && choices.some(({ epoch }) => epoch === selection.epoch);
  const chosen = isPersons
    ? { epoch: selection.epoch, by: selection.by, who: selection.who, why: selection.why }
    : null;
  return { ...result, outputs: null, choices, chosen };
}

/** The fencing token of the activity at hand. @throws BadInput where a run names the folder of another one as its own */
export function tokenOf({ stage, directory, round, runStarted }: StageInput): Token {
  const {
    workflowExecution,
    attempt,
    scheduledTimestampMs: ordered,
    currentAttemptScheduledTimestampMs: scheduled,
  } = activityInfo();
  const { workflowId = 'none', runId = 'none' } = workflowExecution ?? {};
  if (runOf(directory) !== workflowId) {
    throw new BadInput(
      `${stage}: expected a folder of run ${workflowId}, got ${directory}; start it with \`nas start\``,
    );
  }
  const started = runStarted === undefined ? {} : { runStarted };
  return { workflowId, runId, stage, round, attempt, ordered, scheduled, ...started };
}
