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
}

/** What is to be killed, and when: so long after the piece of work has begun. */
export interface PlannedKill {
  readonly target: Target;
  /** Position of the piece among all, in the order they began. */
  readonly piece: number;
  readonly afterSeconds: number;
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
    // Coprime to few numbers of kinds, so that each kind meets each target.
    const target = targets[(at + Math.floor(at / kinds.length)) % targets.length] ?? 'worker';
    return { target, piece, afterSeconds: random.uniform() * (pieces[piece]?.seconds ?? 0) };
  });
  return drawn.toSorted((a, b) => a.piece - b.piece || a.afterSeconds - b.afterSeconds);
}
