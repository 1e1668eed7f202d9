import { setTimeout as sleep } from 'node:timers/promises';
import type { Visit } from './trace.ts';
import type { World } from './world.ts';
import { randomOf } from '../../nas/space/random.ts';

export const targets = ['trainer', 'worker', 'server'] as const;
export type Target = (typeof targets)[number];

/** A phase of a piece as the undisturbed run went through it. */
export interface Stay {
  /** How often it was entered. */
  readonly visits: number;
  /** How long it lasted, all visits together. */
  readonly seconds: number;
}

/** A stage, or a cell of one, as the undisturbed run did it. */
export interface Piece {
  /** Relative to the results root. */
  readonly directory: string;
  /** Whether the worker does it itself, without a process of its own. */
  readonly isLight: boolean;
  /** How many of its tries may be killed before it would park. */
  readonly mostKills: number;
  /** By phase. */
  readonly stays: Readonly<Record<string, Stay>>;
}

/** What is to be killed, and when: counted in work, not in time, for a machine is never twice as fast. */
export interface PlannedKill {
  readonly target: Target;
  /** Directory of the stage or cell. */
  readonly piece: string;
  readonly phase: string;
  /** When the piece has entered the phase for that time … */
  readonly visit: number;
  /** … and so long after that, or at the end of the phase if that comes first. */
  readonly delayMs: number;
}

/** Those that every run of the method goes through, met first: five kills meet all of them. */
const foremost = ['training', 'saving', 'calibrating', 'evaluating', 'merging'];

/**
 * Draws kills over all that a run does: every phase in turn, a random one of the times it was entered, a random moment of
 * that; each process in turn. A piece that has been drawn as often as it has tries to lose keeps its tries: from then on
 * the server is killed in it. A pure function of its arguments: on another machine only the delays are others.
 */
export function drawKills(pieces: readonly Piece[], count: number, seed: number): PlannedKill[] {
  const seen = new Set(pieces.flatMap(({ stays }) => Object.keys(stays)));
  const phases = [...new Set([...foremost, ...[...seen].toSorted()])].filter((phase) => seen.has(phase));
  const taken = new Set<string>();
  const left = new Map(pieces.map(({ directory, mostKills }) => [directory, mostKills]));
  const drawn = Array.from({ length: phases.length === 0 ? 0 : count }, (_, at): PlannedKill => {
    const random = randomOf(seed, 'kill', at);
    const phase = phases[at % phases.length]!;
    // Two at once would be one too many: killed at the end of its last saving, a stage does not save again.
    const all = pieces.flatMap((piece) => visitsOf(piece, phase));
    // One further in each round of the phases, so that each phase meets each target.
    const turn = targets[((at % phases.length) + Math.floor(at / phases.length)) % targets.length]!;
    const able = turn === 'server' ? all : all.filter(({ piece: { directory } }) => left.get(directory)! > 0);
    const free = able.filter(({ name }) => !taken.has(name));
    const { name, piece, visit, meanMs } = random.pick([free, able, all].find((some) => some.length > 0)!);
    taken.add(name);
    const target = able.length === 0 ? 'server' : turn === 'trainer' && piece.isLight ? 'worker' : turn;
    if (target !== 'server') left.set(piece.directory, left.get(piece.directory)! - 1);
    return { target, piece: piece.directory, phase, visit, delayMs: Math.floor(random.uniform() * meanMs) };
  });
  // A server that dies leaves the work alone, all else begins it anew.
  const rank = ({ target }: PlannedKill): number => (target === 'server' ? 0 : 1);
  return drawn.toSorted((a, b) => a.visit - b.visit || rank(a) - rank(b) || a.delayMs - b.delayMs);
}

function visitsOf(piece: Piece, phase: string) {
  const { visits = 0, seconds = 0 } = piece.stays[phase] ?? {};
  const meanMs = (1000 * seconds) / visits;
  return Array.from({ length: visits }, (_, before) => {
    return { name: `${piece.directory} ${phase} ${before}`, piece, visit: before + 1, meanMs };
  });
}

/** A kill that was made. */
export interface Kill {
  readonly target: Target;
  /** Which of several processes at the piece was in that phase, and was killed if a trainer was. */
  readonly rank: number;
  /** Directory of the stage or cell it fell into. */
  readonly piece: string;
  /** What the work said of itself in the moment of the kill, its process being halted: `training`, `saving` … */
  readonly phase: string;
  /** How often the piece had entered the phase. */
  readonly visit: number;
}

/** In words. */
export function victimOf({ target, rank }: Kill): string {
  return target === 'trainer' && rank > 0 ? `trainer of rank ${rank}` : target;
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
        const { directory: piece, rank, phase, visit } = found.visit;
        const made: Kill = { target: found.kill.target, rank, piece, phase, visit };
        kills.push(made);
        told(`killed ${victimOf(made)} in ${piece}, ${phase}`);
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
