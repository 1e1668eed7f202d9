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
  readonly uses: string;
  /** Whether the worker does it itself, without a process of its own. */
  readonly isLight: boolean;
  /** By phase. */
  readonly stays: Readonly<Record<string, Stay>>;
}

/** What is to be killed, and when: counted in work, not in time, for a machine is never twice as fast. */
export interface PlannedKill {
  readonly target: Target;
  readonly phase: string;
  /** Position of the piece among all, in the order they began. */
  readonly piece: number;
  /** When the piece enters the phase for that time … */
  readonly visit: number;
  /** … and so long after that: less than the phase lasts … */
  readonly delayMs: number;
  /** … or when it has spent that time in the phase: on a busy machine short visits go unseen. */
  readonly spentMs: number;
}

const LATEST = 0.8;

/** Those that every run of the method goes through, met first: five kills meet all of them. */
const foremost = ['training', 'saving', 'calibrating', 'evaluating', 'merging'];

/**
 * Draws kills over all that a run does: every phase in turn, a random piece that has it, a random moment of that; each
 * process in turn. A pure function of its arguments, in the order of the pieces.
 */
export function drawKills(pieces: readonly Piece[], count: number, seed: number): PlannedKill[] {
  const seen = new Set(pieces.flatMap(({ stays }) => Object.keys(stays)));
  const phases = [...new Set([...foremost, ...[...seen].toSorted()])].filter((phase) => seen.has(phase));
  const drawn = Array.from({ length: phases.length === 0 ? 0 : count }, (_, at): PlannedKill => {
    const random = randomOf(seed, 'kill', at);
    const phase = phases[at % phases.length]!;
    const piece = random.pick(pieces.flatMap(({ stays }, index) => (phase in stays ? [index] : [])));
    const { visits = 1, seconds = 0 } = pieces[piece]?.stays[phase] ?? {};
    // One further in each round of the phases, so that each phase meets each target.
    const turn = targets[((at % phases.length) + Math.floor(at / phases.length)) % targets.length]!;
    const target = turn === 'trainer' && pieces[piece]?.isLight === true ? 'worker' : turn;
    const delayMs = Math.floor((random.uniform() * 500 * seconds) / visits);
    // Not at the very end, which may come sooner the next time.
    const share = LATEST * random.uniform();
    const [visit, spentMs] = [1 + Math.floor(share * visits), Math.floor(share * 1000 * seconds)];
    return { target, phase, piece, visit, delayMs, spentMs };
  });
  // A server that dies leaves the work alone, all else begins it anew: the server comes last, so that nothing is over too soon.
  const rank = ({ target }: PlannedKill): number => (target === 'server' ? 1 : 0);
  return drawn.toSorted((a, b) => a.piece - b.piece || a.visit - b.visit || rank(a) - rank(b) || a.delayMs - b.delayMs);
}
