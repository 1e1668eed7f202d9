import { setTimeout as sleep } from 'node:timers/promises';
import { catalogue } from '../../artifacts/catalogue.ts';
import type { Piece, PlannedKill, Target } from './kills.ts';
import { Watch } from './watch.ts';
import type { AtWork } from './watch.ts';
import type { World } from './world.ts';

/** A kill that was made. */
export interface Kill {
  readonly target: Target;
  /** Directory of the stage or cell it fell into. */
  readonly piece: string;
  /** What the work said of itself in the moment of the kill, its process being halted: `training`, `saving` … */
  readonly phase: string;
  /** How often the piece had entered the phase. */
  readonly visit: number;
}

/** What is to be killed, and what the undisturbed run did. */
export interface Aim {
  readonly kills: readonly PlannedKill[];
  readonly pieces: readonly Piece[];
}

/** A checkpoint of a small net takes a few milliseconds. */
const LOOK_EVERY_MS = 1;
const COUNT_EVERY_MS = 200;

/** Makes the kills while a run goes. Those for which the moment never came are missing from `kills`. */
export async function makeKills(
  world: World,
  aim: Aim,
  over: AbortSignal,
  told: (line: string) => void,
): Promise<{ kills: Kill[]; watch: Watch }> {
  const watch = new Watch(world, aim.pieces);
  const kills: Kill[] = [];
  const left = [...aim.kills];
  let [done, counted] = [new Set<string>(), 0];
  while (!over.aborted) {
    const atWork = await watch.look();
    if (left.length > 0 && performance.now() > counted + COUNT_EVERY_MS) {
      done = await doneIn(world.results);
      counted = performance.now();
    }
    const found = nextKill(left, atWork, aim.pieces, done);
    if (found !== null && (await world.kill(found.kill.target, found.work.pid, () => watch.isStill(found.work)))) {
      left.splice(left.indexOf(found.kill), 1);
      const { target } = found.kill;
      const { directory: piece, phase, visit } = found.work;
      kills.push({ target, piece, phase, visit });
      told(`killed ${target} in ${piece}, ${phase}`);
    }
    await sleep(LOOK_EVERY_MS);
  }
  return { kills, watch };
}

// Its own moment, else the same phase of a later piece, else (where no piece will have the phase any more) any work.
function nextKill(
  left: readonly PlannedKill[],
  atWork: readonly AtWork[],
  pieces: readonly Piece[],
  done: ReadonlySet<string>,
): { kill: PlannedKill; work: AtWork } | null {
  for (const kill of left) {
    const own = pieces[kill.piece]?.directory ?? '';
    const isGone = pieces.every(({ directory, stays }) => done.has(directory) || !(kill.phase in stays));
    for (const work of atWork) {
      const here = performance.now() - work.since;
      const isDue =
        work.visit > kill.visit ||
        (work.visit === kill.visit && here >= kill.delayMs) ||
        work.before + here >= kill.spentMs;
      const isMeant = work.phase === kill.phase && (work.directory === own ? isDue : done.has(own));
      if (isMeant || isGone) return { kill, work };
    }
  }
  return null;
}

async function doneIn(results: string): Promise<Set<string>> {
  const stages = (await catalogue(results)).filter(({ manifest }) => manifest.state === 'done');
  return new Set(stages.map(({ directory }) => directory));
}
