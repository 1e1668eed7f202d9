import { randomOf } from '../../nas/space/random.ts';

export const targets = ['trainer', 'worker', 'server'] as const;
export type Target = (typeof targets)[number];

/** A stage, or a cell of one, as the undisturbed run did it. */
export interface Piece {
  /** Relative to the results root. */
  readonly directory: string;
  readonly uses: string;
  /** How long it took. */
  readonly seconds: number;
  /** How often its manifest changed: claims, checkpoints, epochs, chunks, its end. */
  readonly changes: number;
}

/** Done, the attempt closed, an epoch chosen: its process is gone by then. */
const LAST_CHANGES = 3;

/** What is to be killed, and when: counted in work, not in time, for a machine is never twice as fast. */
export interface PlannedKill {
  readonly target: Target;
  /** Position of the piece among all, in the order they began. */
  readonly piece: number;
  /** After so many changes of its manifest. */
  readonly changes: number;
  /** And so long after that: less than changes are apart. */
  readonly delayMs: number;
}

/**
 * Draws kills over all that a run does: every kind of work in turn, a random piece of it, a random moment of that; each
 * process in turn. A pure function of its arguments, in the order of the pieces.
 */
export function drawKills(pieces: readonly Piece[], count: number, seed: number): PlannedKill[] {
  const kinds = [...new Set(pieces.map(({ uses }) => uses))];
  const drawn = Array.from({ length: pieces.length === 0 ? 0 : count }, (_, at): PlannedKill => {
    const random = randomOf(seed, 'kill', at);
    const kind = kinds[at % kinds.length];
    const candidates = pieces.flatMap(({ uses }, index) => (uses === kind ? [index] : []));
    const piece = random.pick(candidates);
    const { changes = 1, seconds = 0 } = pieces[piece] ?? {};
    // One further in each round of the kinds, so that each kind meets each target.
    const target = targets[(at + Math.floor(at / kinds.length)) % targets.length] ?? 'worker';
    const delayMs = Math.floor((random.uniform() * 1000 * seconds) / Math.max(1, changes));
    return { target, piece, changes: 1 + random.integer(Math.max(1, changes - LAST_CHANGES)), delayMs };
  });
  return drawn.toSorted((a, b) => a.piece - b.piece || a.changes - b.changes || a.delayMs - b.delayMs);
}
