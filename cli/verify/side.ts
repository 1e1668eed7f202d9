import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { catalogue } from '../../artifacts/catalogue.ts';
import type { CataloguedStage } from '../../artifacts/catalogue.ts';
import type { Plan, PlanStage } from '../../pipelines/plan.ts';
import { startRun } from '../../workers/client.ts';
import { Failure } from '../failure.ts';
import { endInWords, readRun } from '../run.ts';
import type { RunView } from '../run-view.ts';
import type { Piece, PlannedKill, Target } from './kills.ts';
import { World } from './world.ts';

/** A kill that was made. */
export interface Kill {
  readonly target: Target;
  /** Directory of the stage or cell it fell into. */
  readonly piece: string;
  /** What the trainer said last: `training`, `saving` …; empty where nothing is known. */
  readonly phase: string;
  readonly afterSeconds: number;
}

const LOOK_EVERY_MS = 20;
const LIGHT_HEARTBEAT_MS = 10_000;
const HEAVY_HEARTBEAT_MS = 5000;

/** The plan as it is verified: lost workers are noticed soon, no number of kills parks a stage, and nobody is asked. */
export function hurried(plan: Plan): Plan {
  const stages = plan.stages.map((stage): PlanStage => ({
    ...stage,
    select: stage.select === null ? null : { ...stage.select, wait: 'none' },
    timeout: { ...stage.timeout, heartbeatMs: stage.work === 'heavy' ? HEAVY_HEARTBEAT_MS : LIGHT_HEARTBEAT_MS },
    retry: { maximumAttempts: 1000, initialIntervalMs: 200, backoffCoefficient: 1 },
    plan: stage.plan === null ? null : hurried(stage.plan),
  }));
  return { ...plan, stages, reuse: 'nothing' };
}

/**
 * Runs the plan to its end in a world of its own and makes the kills meanwhile; those that were made. Throws Failure if
 * the run ends badly or waits for a person (a stage was lost), or if the signal comes first.
 */
export async function carryOut(
  plan: Plan,
  folder: string,
  kills: readonly PlannedKill[],
  pieces: readonly Piece[],
  told: (line: string) => void,
  signal: AbortSignal,
): Promise<Kill[]> {
  const world = await World.open(folder);
  const over = new AbortController();
  try {
    await startRun(world.client, plan);
    const killing = makeKills(world, plan.id, kills, pieces, over.signal, told);
    const ended = untilOver(world, plan.id, told, signal).finally(() => over.abort());
    const [made] = await Promise.all([killing, ended]);
    return made;
  } finally {
    over.abort();
    await world.close();
  }
}

async function untilOver(
  { client }: World,
  run: string,
  told: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  let said = '';
  for (;;) {
    if (signal.aborted) throw new Failure(`run ${run}: stopped before its end, as asked; nothing is known of the rest`);
    const view = await lookAt(client, run);
    if (view?.ending === 'done') return;
    const lost =
      view === null ? [] : view.status.stages.filter(({ state }) => state === 'failed' || state === 'parked');
    if (view !== null && (view.ending !== null || lost.length > 0)) {
      const errors = lost.map(({ id, error }) => `${id}: ${error}`);
      throw new Failure([await endInWords(client, view), ...errors].join('\n  '));
    }
    const line = view?.status.stages.filter(({ state }) => state === 'running').map(({ id }) => id);
    if (line !== undefined && line.length > 0 && line.join() !== said) told(`running ${(said = line.join())}`);
    await sleep(200);
  }
}

// Null while the server or every worker is down.
async function lookAt(client: World['client'], run: string): Promise<RunView | null> {
  return await readRun(client, run).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'ServiceError') return null;
    throw error;
  });
}

async function makeKills(
  world: World,
  run: string,
  kills: readonly PlannedKill[],
  pieces: readonly Piece[],
  over: AbortSignal,
  told: (line: string) => void,
): Promise<Kill[]> {
  const made: Kill[] = [];
  const order = new Map(pieces.map(({ directory }, index) => [directory, index]));
  let after = '';
  for (const { target, piece, afterSeconds } of kills) {
    // The work it was meant for may have ended before an earlier kill was over: then what comes next is hit.
    const isDue = ({ directory, manifest }: CataloguedStage): boolean =>
      (order.get(directory) ?? 0) >= piece && isOpenSince(manifest, after);
    const found = await firstOf(world.results, isDue, over);
    if (found === null) break;
    await sleep(1000 * afterSeconds, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted) break;
    const phase = await phaseOf(world, run, found);
    const hit = await world.kill(target);
    made.push({ target: hit, piece: found.directory, phase, afterSeconds });
    told(`killed ${hit} in ${found.directory}${phase === '' ? '' : `, ${phase}`}`);
    // A server that died leaves the attempt alone; everything else begins another.
    if (hit !== 'server') after = new Date().toISOString();
  }
  return made;
}

function isOpenSince({ attempts }: CataloguedStage['manifest'], time: string): boolean {
  const last = attempts.at(-1);
  return last !== undefined && last.ended === null && last.started > time;
}

async function firstOf(
  results: string,
  fits: (stage: CataloguedStage) => boolean,
  over: AbortSignal,
): Promise<CataloguedStage | null> {
  while (!over.aborted) {
    const found = (await catalogue(results)).find(fits);
    if (found !== undefined) return found;
    await sleep(LOOK_EVERY_MS);
  }
  return null;
}

async function phaseOf({ client }: World, run: string, { manifest }: CataloguedStage): Promise<string> {
  if (manifest.uses === 'merge-results') return 'merging';
  const view = await Promise.race([lookAt(client, run), sleep(500, null)]);
  const work = view?.work.find(
    ({ stage, cell }) => [stage, cell].filter((part) => part !== null).join('.') === manifest.stage,
  );
  return work?.progress?.phase ?? '';
}

/** Every piece of work of a finished run in the order they began, with the time each took. */
export async function piecesOf(folder: string): Promise<Piece[]> {
  const stages = await catalogue(path.join(folder, 'results'));
  const timed = stages.map(({ directory, manifest }) => {
    const [first, last] = [manifest.attempts[0], manifest.attempts.at(-1)];
    const [start, end] = [Date.parse(first?.started ?? ''), Date.parse(last?.ended ?? '')];
    return { directory, uses: manifest.uses, start, seconds: Math.max(0, (end - start) / 1000) };
  });
  return timed.toSorted((a, b) => a.start - b.start);
}
