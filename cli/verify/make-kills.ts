import { setTimeout as sleep } from 'node:timers/promises';
import type { PlannedKill, Target } from './kills.ts';
import type { Visit } from './trace.ts';
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

/** What came of the kills that were planned. */
export interface Killing {
  readonly kills: readonly Kill[];
  /** Those whose moment did not come. */
  readonly missed: readonly PlannedKill[];
}

const LOOK_EVERY_MS = 1;

/** Makes the kills while a run goes, each in its phase or not at all; the work stays in the phase for as long as it takes. */
export async function makeKills(
  world: World,
  planned: readonly PlannedKill[],
  over: AbortSignal,
  told: (line: string) => void,
): Promise<Killing> {
  const kills: Kill[] = [];
  let missed = planned;
  try {
    await world.trace.hold(missed);
    while (!over.aborted && missed.length > 0) {
      const found = nextKill(missed, world.atWork());
      if (found !== null && (await world.kill(found.kill.target, found.visit))) {
        const { directory: piece, phase, visit } = found.visit;
        kills.push({ target: found.kill.target, piece, phase, visit });
        told(`killed ${found.kill.target} in ${piece}, ${phase}`);
        missed = missed.filter((kill) => kill !== found.kill);
        await world.trace.hold(missed);
      }
      await sleep(LOOK_EVERY_MS);
    }
    return { kills, missed };
  } finally {
    await world.trace.hold([]);
  }
}

// Of the kills in one phase of one piece, each one waits for those before it.
function nextKill(left: readonly PlannedKill[], atWork: readonly Visit[]): { kill: PlannedKill; visit: Visit } | null {
  for (const visit of atWork) {
    const kill = left.find(({ piece, phase }) => piece === visit.directory && phase === visit.phase);
    if (kill === undefined || visit.visit < kill.visit || Date.now() < visit.since + kill.delayMs) continue;
    return { kill, visit };
  }
  return null;
}
