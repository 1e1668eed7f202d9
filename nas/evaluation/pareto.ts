/** A subnet of a ranking with what it costs. */
export interface Candidate {
  readonly id: string;
  readonly code: string;
  /** Number of blocks. */
  readonly depth: number;
  readonly parameters: number;
  /** Of one image at the native resolution. */
  readonly macs: number;
  /** Higher is better. */
  readonly score: number;
}

interface Limits {
  readonly macs?: number | undefined;
  readonly parameters?: number | undefined;
}

export type CostName = keyof Limits;

/** The candidates that cost no more than the limits, in their order. */
export function under<C extends Candidate>(
  candidates: readonly C[],
  { macs = Infinity, parameters = Infinity }: Limits,
): C[] {
  return candidates.filter((candidate) => candidate.macs <= macs && candidate.parameters <= parameters);
}

/** Best first, of equal scores the cheaper first (in MACs, then in parameters); scores that are NaN come last. */
export function bestFirst<C extends Candidate>(candidates: readonly C[]): C[] {
  const rank = ({ score }: C): number => (Number.isNaN(score) ? -Infinity : score);
  return candidates.toSorted((a, b) => compare(rank(b), rank(a)) || a.macs - b.macs || a.parameters - b.parameters);
}

/**
 * The candidates that no other beats: none costs as little and scores more, or costs less and scores as much. Cheapest
 * first, so their scores ascend. Equals in both stand beside each other; scores that are NaN are never part of it.
 */
export function paretoFront<C extends Candidate>(candidates: readonly C[], cost: CostName): C[] {
  const sorted = candidates
    .filter(({ score }) => !Number.isNaN(score))
    .toSorted((a, b) => a[cost] - b[cost] || compare(b.score, a.score));
  const front: C[] = [];
  for (const candidate of sorted) {
    const last = front.at(-1);
    const isEqual = last?.score === candidate.score && last[cost] === candidate[cost];
    if (last === undefined || candidate.score > last.score || isEqual) front.push(candidate);
  }
  return front;
}

// A difference would be NaN between two infinities.
function compare(a: number, b: number): number {
  return a < b ? -1 : Number(a > b);
}
