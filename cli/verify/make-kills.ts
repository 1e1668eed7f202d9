import { setTimeout as sleep } from 'node:timers/promises';
import { catalogue } from '../../artifacts/catalogue.ts';
import type { CataloguedStage } from '../../artifacts/catalogue.ts';
import type { Client } from '@temporalio/client';
import { kinds } from '../../pipelines/kinds/index.ts';
import { readRun, readWork } from '../run.ts';
import type { RunView } from '../run-view.ts';
import type { Piece, PlannedKill, Target } from './kills.ts';
import type { World } from './world.ts';

/** A kill that was made. */
export interface Kill {
  readonly target: Target;
  /** Directory of the stage or cell it fell into. */
  readonly piece: string;
  /** What the trainer said last: `training`, `saving` …; empty where nothing is known. */
  readonly phase: string;
  /** How often the manifest of the piece had changed. */
  readonly changes: number;
}

const LOOK_EVERY_MS = 10;
/** How long a kill waits to know the phase. */
const PATIENCE_MS = 50;

/** Makes the kills while a run goes, in their order, and counts the changes of every manifest until the run is over. */
export async function makeKills(
  world: World,
  run: string,
  { kills: planned, pieces }: { readonly kills: readonly PlannedKill[]; readonly pieces: readonly Piece[] },
  over: AbortSignal,
  told: (line: string) => void,
): Promise<{ kills: Kill[]; changes: ReadonlyMap<string, number> }> {
  const order = new Map(pieces.map(({ directory }, index) => [directory, index]));
  const watch = new Watch();
  const kills: Kill[] = [];
  const left = [...planned];
  let after = '';
  while (!over.aborted) {
    const stages = await watch.look(world.results);
    const [next] = left;
    // The piece it was meant for may have ended before an earlier kill was over: then what comes next is hit.
    const found =
      next &&
      stages.find(({ directory, manifest }) => {
        const at = order.get(directory) ?? 0;
        if (at < next.piece || !isAtWork(manifest, after)) return false;
        return at > next.piece || watch.changesOf(directory) >= next.changes;
      });
    if (next && found) {
      const asked = phaseOf(world.client, run, found);
      await sleep(next.delayMs, undefined, { signal: over }).catch(() => undefined);
      const phase = await Promise.race([asked, sleep(PATIENCE_MS, '')]);
      const still = (await watch.look(world.results)).find(({ directory }) => directory === found.directory);
      // It ended meanwhile: the kill waits for what comes next.
      if (still === undefined || !isAtWork(still.manifest, after)) continue;
      left.shift();
      const target = await world.kill(next.target);
      kills.push({ target, piece: found.directory, phase, changes: watch.changesOf(found.directory) });
      told(`killed ${target} in ${found.directory}${phase === '' ? '' : `, ${phase}`}`);
      // A server that died leaves the attempt alone; everything else begins another.
      if (target !== 'server') after = new Date().toISOString();
    }
    await sleep(LOOK_EVERY_MS);
  }
  return { kills, changes: watch.changes };
}

/** A run as it stands; null while the server or every worker is down. */
export async function lookAt(client: Client, run: string): Promise<RunView | null> {
  return await readRun(client, run).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'ServiceError') return null;
    throw error;
  });
}

/** Counts how often manifests change. */
class Watch {
  readonly changes = new Map<string, number>();
  #last = new Map<string, CataloguedStage>();

  async look(results: string): Promise<CataloguedStage[]> {
    const stages = await catalogue(results);
    for (const stage of stages) {
      if (this.#last.get(stage.directory) !== stage)
        this.changes.set(stage.directory, 1 + this.changesOf(stage.directory));
    }
    this.#last = new Map(stages.map((stage) => [stage.directory, stage]));
    return stages;
  }

  changesOf(directory: string): number {
    return this.changes.get(directory) ?? 0;
  }
}

// Work of milliseconds is hit when it has just ended, too: then its worker has not told anybody yet.
function isAtWork({ uses, attempts }: CataloguedStage['manifest'], after: string): boolean {
  const last = attempts.at(-1);
  if (last === undefined || last.started <= after) return false;
  return last.ended === null || kinds.get(uses)?.work === 'light';
}

async function phaseOf(client: Client, run: string, { manifest }: CataloguedStage): Promise<string> {
  if (kinds.get(manifest.uses)?.work === 'light') return manifest.uses === 'merge-results' ? 'merging' : '';
  const all = await readWork(client, run).catch(() => []);
  const work = all.find(({ stage, cell }) => (cell === null ? stage : `${stage}.${cell}`) === manifest.stage);
  return work?.progress?.phase ?? '';
}
