import type { Client } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { catalogue } from '../../artifacts/catalogue.ts';
import { Failure } from '../failure.ts';
import { readRun } from '../../runs/run.ts';
import type { RunView } from '../../runs/run.ts';
import { endInWords } from '../watch.ts';
import { makeKills } from './kills.ts';
import type { Killing, Piece, PlannedKill } from './kills.ts';
import { World } from './world.ts';
import { kinds } from '../../pipelines/kinds/catalogue.ts';
import type { Plan, PlanStage } from '../../plan/plan.ts';
import { startRun } from '../../workers/server.ts';
import { duration } from '../../report/format.ts';

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

/** What came of one side. */
interface Side extends Killing {
  readonly pieces: readonly Piece[];
}

/**
 * Runs the plan to its end in a world of its own and makes the kills meanwhile. Throws Failure if the run ends badly or
 * waits for a person (a stage was lost), or if the signal comes first.
 */
export async function carryOut(
  plan: Plan,
  folder: string,
  planned: readonly PlannedKill[],
  told: (line: string) => void,
  signal: AbortSignal,
): Promise<Side> {
  const began = Date.now();
  const world = await World.open(folder, signal);
  const over = new AbortController();
  try {
    await startRun(world.client, plan);
    const killing = makeKills(world, planned, over.signal, told);
    const ended = untilOver(world, plan.id, told, signal).finally(() => over.abort());
    const [killed] = await Promise.all([killing, ended]);
    told(`done after ${duration(Date.now() - began)}`);
    return { ...killed, pieces: await piecesOf(world) };
  } finally {
    over.abort();
    await world.close();
  }
}

async function untilOver(world: World, run: string, told: (line: string) => void, signal: AbortSignal): Promise<void> {
  const { client } = world;
  let said = '';
  for (;;) {
    const { brokenLog: log } = world;
    if (log !== null)
      throw new Failure(`worker: expected it to run, got ends without a kill; its last words are in ${log}`);
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

// A run as it stands; null while the server or every worker is down.
async function lookAt(client: Client, run: string): Promise<RunView | null> {
  return await readRun(client, run).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'ServiceError') return null;
    throw error;
  });
}

// Every piece of work of a finished run, in the order of their names: the same one each time.
async function piecesOf({ results, trace }: World): Promise<Piece[]> {
  return (await catalogue(results)).map(({ directory, manifest: { uses } }) => {
    return { directory, isLight: kinds.get(uses)?.work === 'light', stays: trace.staysIn(directory) };
  });
}
