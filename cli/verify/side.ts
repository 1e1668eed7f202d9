import type { Client } from '@temporalio/client';
import { setTimeout as sleep } from 'node:timers/promises';
import { catalogue } from '../../artifacts/catalogue.ts';
import { JsonMap } from '../../artifacts/json.ts';
import { Failure } from '../failure.ts';
import { readRun } from '../../runs/run.ts';
import type { RunView } from '../../runs/run.ts';
import { endInWords } from '../watch.ts';
import { makeKills } from './kills.ts';
import type { Killing, Piece, PlannedKill } from './kills.ts';
import { World } from './world.ts';
import { kinds } from '../../pipelines/kinds/catalogue.ts';
import type { Plan, PlanStage } from '../../plan/plan.ts';
import { devicesOf, parseActivityId } from '../../plan/names.ts';
import { startRun } from '../../workers/server.ts';
import { duration } from '../../report/format.ts';

/** The plan as it is verified: nobody is asked, and nothing is taken over. Its time-outs and tries are its own. */
export function unattended(plan: Plan): Plan {
  const stages = plan.stages.map((stage): PlanStage => ({
    ...stage,
    select: stage.select === null ? null : { ...stage.select, wait: 'none' },
    plan: stage.plan === null ? null : unattended(stage.plan),
  }));
  return { ...plan, stages, reuse: 'nothing' };
}

/** Of the worker; more where a stage needs more at once. */
const DEVICES = 2;

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
  const world = await World.open(folder, Math.max(DEVICES, mostRanks(plan)), signal);
  const over = new AbortController();
  try {
    await startRun(world.client, plan);
    const killing = makeKills(world, planned, over.signal, told);
    const ended = untilOver(world, plan.id, told, signal).finally(() => over.abort());
    const [killed] = await Promise.all([killing, ended]);
    told(`done after ${duration(Date.now() - began)}`);
    return { ...killed, pieces: await piecesOf(world, plan) };
  } finally {
    over.abort();
    await world.close();
  }
}

/** The most devices that a stage of the plan needs at once, or of one of its sub-plans. */
function mostRanks(plan: Plan): number {
  return Math.max(...plan.stages.map((stage) => (stage.plan === null ? devicesOf(stage.with) : mostRanks(stage.plan))));
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
      // One that waits for a person has no end to be asked for.
      const how = view.ending === null ? `run ${run}: a stage was lost` : await endInWords(client, view);
      throw new Failure([how, ...errors].join('\n  '));
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
async function piecesOf({ results, trace, devices }: World, plan: Plan): Promise<Piece[]> {
  return (await catalogue(results)).map(({ directory, manifest: { uses, stage, config } }) => {
    const isLight = kinds.get(uses)?.work === 'light';
    // A worker that is killed costs a try of everything that it is at.
    const sideBySide = isLight ? 1 : Math.floor(devices / devicesOf(JsonMap.parse(config)));
    const mostKills = Math.floor((triesOf(plan, parseActivityId(stage).stage) - 1) / sideBySide);
    return { directory, isLight, mostKills, stays: trace.staysIn(directory) };
  });
}

/** The fewest tries of any stage of that id, in the plan or in one of its sub-plans. */
function triesOf(plan: Plan, id: string): number {
  const tries = plan.stages.map((stage) => {
    if (stage.plan !== null) return triesOf(stage.plan, id);
    return stage.id === id ? stage.retry.maximumAttempts : Infinity;
  });
  return Math.min(...tries);
}
